import type { GuestFacts } from '../../machine/contract'
import { EngineError } from '../errors'
import type { Config, HostConfig } from './config'
import { parseCapability } from './capabilities'
import { parseSecurityOptions } from './security'

const invalid = (message: string) => new EngineError('invalid', message)
const unsupported = (message: string) => new EngineError('unsupported', message)
const minimumMemory = 6 * 1024 * 1024

/**
 * Checks what create was asked for against Docker's rules, and refuses what this engine knows of and can't do yet, so
 * that nothing is dropped in silence. Throws 'invalid' or 'unsupported'.
 */
export function validate(config: Config, hostConfig: HostConfig, facts: GuestFacts): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith('/')) {
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`)
  }
  for (const variable of config.Env ?? []) {
    if (variable === '' || variable.startsWith('=')) throw invalid(`invalid environment variable: ${variable}`)
  }
  if (config.StopTimeout !== undefined && config.StopTimeout < -1) throw invalid('invalid stop timeout')
  checkRestartPolicy(hostConfig.RestartPolicy, hostConfig.AutoRemove)
  checkNetworkMode(config, hostConfig)
  checkLog(hostConfig)
  checkResources(hostConfig, facts)
  refuseTheUnavailable(hostConfig, facts)
  for (const name of [...(hostConfig.CapAdd ?? []), ...(hostConfig.CapDrop ?? [])]) parseCapability(name)
  parseSecurityOptions(hostConfig.SecurityOpt ?? [])
}

/** Also for update. Throws 'invalid'. */
export function checkRestartPolicy(policy: HostConfig['RestartPolicy'], autoRemove: boolean): void {
  const { Name: name, MaximumRetryCount: retries } = policy
  if (!['no', 'always', 'unless-stopped', 'on-failure'].includes(name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    )
  }
  if (retries < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative')
  if (retries > 0 && name !== 'on-failure') {
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
  }
  if (autoRemove && name !== 'no') throw invalid("can't create 'AutoRemove' container with restart policy")
}

function checkNetworkMode(config: Config, hostConfig: HostConfig): void {
  const { NetworkMode: mode } = hostConfig
  const conflict = (what: string) => invalid(`conflicting options: ${what}`)
  if (mode.startsWith('container:')) {
    if (config.Hostname) throw conflict('hostname and the network mode')
    if (hostConfig.Dns.length > 0) throw conflict('dns and the network mode')
    if ((hostConfig.ExtraHosts ?? []).length > 0) throw conflict('custom host-to-IP mapping and the network mode')
    if (hostConfig.PublishAllPorts || Object.keys(hostConfig.PortBindings).length > 0) {
      throw conflict('port publishing and the container type network mode')
    }
    if (Object.keys(config.ExposedPorts ?? {}).length > 0) {
      throw conflict('port exposing and the container type network mode')
    }
  }
  for (const entry of hostConfig.ExtraHosts ?? []) {
    if (!/^[^:=]+[:=].+$/.test(entry)) throw invalid(`invalid extra-host: ${entry}`)
  }
  for (const [key, bindings] of Object.entries(hostConfig.PortBindings)) {
    const [, port, protocol = 'tcp'] = /^(\d+)(?:\/(\w+))?$/.exec(key) ?? []
    if (!port || Number(port) > 65535) throw invalid(`invalid port specification: "${key}"`)
    if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw invalid(`invalid proto: ${protocol}`)
    for (const { HostPort } of bindings ?? []) {
      if (!/^\d*(-\d+)?$/.test(HostPort)) throw invalid(`invalid port specification: "${HostPort}"`)
    }
  }
}

function checkLog({ LogConfig: log }: HostConfig): void {
  if (!['json-file', 'local', 'none'].includes(log.Type)) {
    throw invalid(`error looking up logging plugin ${log.Type}: plugin "${log.Type}" not found`)
  }
  for (const name of Object.keys(log.Config)) {
    if (!['max-size', 'max-file', 'compress', 'mode'].includes(name)) {
      throw invalid(`unknown log opt '${name}' for ${log.Type} log driver`)
    }
  }
}

/** Docker's rules for limits; also for update. Throws 'invalid' in its words. */
export function checkResources(limits: Partial<HostConfig>, facts: GuestFacts): void {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0, NanoCpus = 0 } = limits
  if (memory !== 0 && memory < minimumMemory) throw invalid('Minimum memory limit allowed is 6MB')
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (memory === 0 && swap > 0) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage')
  }
  if (reservation > 0 && reservation < minimumMemory) {
    throw invalid('Minimum memory reservation allowed is 6MB')
  }
  if (memory > 0 && reservation > memory) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage')
  }
  const swappiness = limits.MemorySwappiness ?? -1
  if (swappiness < -1 || swappiness > 100) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`)
  }
  if (NanoCpus < 0 || NanoCpus > facts.cpus * 1e9) {
    throw invalid(
      `Range of CPUs is from 0.01 to ${facts.cpus.toFixed(2)}, as there are only ${facts.cpus} CPUs available`,
    )
  }
  if (NanoCpus > 0 && ((limits.CpuPeriod ?? 0) > 0 || (limits.CpuQuota ?? 0) > 0)) {
    throw invalid(
      `Conflicting options: Nano CPUs and CPU ${(limits.CpuPeriod ?? 0) > 0 ? 'Period' : 'Quota'} cannot both be set`,
    )
  }
  const period = limits.CpuPeriod ?? 0
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  }
  if ((limits.CpuQuota ?? 0) > 0 && limits.CpuQuota! < 1000) {
    throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  }
  checkCpus(limits.CpusetCpus ?? '', facts.cpus)
  for (const { Name: name, Soft: soft, Hard: hard } of limits.Ulimits ?? []) {
    if (hard !== -1 && soft > hard) {
      throw invalid(`ulimit ${name}: soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
    }
  }
}

function checkCpus(list: string, available: number): void {
  if (list === '') return
  for (const part of list.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (first === undefined) throw invalid(`Invalid value ${list} for cpuset cpus.`)
    if (Number(last) >= available) {
      const all = available === 1 ? '0' : `0-${available - 1}`
      throw invalid(`Requested CPUs are not available - requested ${list}, available: ${all}`)
    }
  }
}

function refuseTheUnavailable(host: HostConfig, facts: GuestFacts): void {
  const refuse = (asked: boolean, what: string) => {
    if (asked) throw unsupported(`${what} not available yet`)
  }
  refuse((host.Links ?? []).length > 0, 'links (--link) are')
  refuse(!['', 'host'].includes(host.UsernsMode), `the user namespace mode "${host.UsernsMode}" is`)
  refuse(host.IpcMode.startsWith('container:'), "sharing another container's IPC (--ipc container:X) is")
  refuse((host.DeviceRequests ?? []).length > 0, 'device requests (--gpus) are')
  refuse(host.CgroupParent !== '', 'a parent cgroup (--cgroup-parent) is')
  refuse(Object.keys(host.StorageOpt ?? {}).length > 0, 'storage options (--storage-opt) are')
  refuse(!['', 'local'].includes(host.VolumeDriver), `the volume driver "${host.VolumeDriver}" is`)
  refuse(host.CpuRealtimePeriod !== 0 || host.CpuRealtimeRuntime !== 0, 'realtime CPU limits are')
  refuse(
    [
      host.BlkioWeightDevice,
      host.BlkioDeviceReadBps,
      host.BlkioDeviceWriteBps,
      host.BlkioDeviceReadIOps,
      host.BlkioDeviceWriteIOps,
    ].some((devices) => (devices ?? []).length > 0),
    'block device limits are',
  )
  if (!['', 'default'].includes(host.Isolation)) {
    throw invalid(`invalid isolation: "${host.Isolation}": only default isolation is there on Linux`)
  }
  if (host.Runtime !== '' && !facts.runtimes.includes(host.Runtime)) {
    throw invalid(`unknown or invalid runtime name: ${host.Runtime}`)
  }
  if (!['', 'host', 'private'].includes(host.CgroupnsMode)) {
    throw invalid(`invalid cgroup namespace mode: ${host.CgroupnsMode}`)
  }
  if (!/^(private|shareable|host|none|container:.+)$/.test(host.IpcMode)) {
    throw invalid(`invalid IPC mode: ${host.IpcMode}`)
  }
  if (!['', 'host'].includes(host.UTSMode)) throw invalid(`invalid UTS mode: ${host.UTSMode}`)
  if (!/^(|host|private|container:.+)$/.test(host.PidMode)) throw invalid(`invalid PID mode: ${host.PidMode}`)
}
