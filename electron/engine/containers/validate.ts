import { isIP } from 'node:net'
import type { GuestFacts } from '../../machine/contract'
import { EngineError } from '../errors'
import { parseCapability } from './capabilities'
import type { Config, Healthcheck, HostConfig } from './config'
import { parseRule } from './devices'
import { checkLog } from './log-options'
import { parseSecurityOptions } from './security'

const invalid = (message: string) => new EngineError('invalid', message)

const minimumDuration = 1e6

/** Checks what create was asked for against Docker's rules, limits apart (limits.ts). Throws 'invalid' in its words. */
export function validate(config: Config, hostConfig: HostConfig, facts: GuestFacts): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith('/')) {
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`)
  }
  for (const variable of config.Env ?? []) {
    if (variable === '' || variable.startsWith('=')) throw invalid(`invalid environment variable: ${variable}`)
  }
  checkHealth(config.Healthcheck)
  checkRestartPolicy(hostConfig.RestartPolicy, hostConfig.AutoRemove)
  checkNetworkMode(config, hostConfig)
  checkLog(hostConfig.LogConfig)
  checkHost(hostConfig, facts)
  for (const name of hostConfig.CapAdd ?? []) parseCapability(name, 'CapAdd')
  for (const name of hostConfig.CapDrop ?? []) parseCapability(name, 'CapDrop')
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseRule(rule)
  parseSecurityOptions(hostConfig.SecurityOpt ?? [])
}

function checkHealth(check: Healthcheck | undefined): void {
  for (const name of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = check?.[name] ?? 0
    if (value !== 0 && value < minimumDuration) throw invalid(`${name} in Healthcheck cannot be less than 1ms`)
  }
  if ((check?.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative')
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
    const [, address] = /^[^:=]+[:=](.+)$/.exec(entry) ?? []
    if (address === undefined) throw invalid(`bad format for add-host: "${entry}"`)
    if (address !== 'host-gateway' && isIP(address.replace(/^\[(.*)\]$/, '$1')) === 0) {
      throw invalid(`invalid IP address in add-host: "${address}"`)
    }
  }
  for (const [key, bindings] of Object.entries(hostConfig.PortBindings)) {
    const [, port, protocol = 'tcp'] = /^(\d+)(?:\/(\w+))?$/.exec(key) ?? []
    if (!port || Number(port) > 65535) throw invalid(`invalid port specification: "${key.split('/')[0]}"`)
    if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw invalid(`invalid proto: ${protocol}`)
    for (const { HostPort } of bindings ?? []) {
      const ends = HostPort.split('-').map(Number)
      if (!/^\d*(-\d+)?$/.test(HostPort) || ends.some((end) => end > 65535))
        throw invalid(`invalid port specification: "${HostPort}"`)
    }
  }
}

function checkHost(host: HostConfig, facts: GuestFacts): void {
  if (host.ShmSize < 0) throw invalid('SHM size can not be less than 0')
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  }
  if (!['', 'default'].includes(host.Isolation)) {
    throw invalid(`Invalid isolation: "${host.Isolation}" - linux only supports 'default'`)
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
  if (!['', 'host'].includes(host.UsernsMode)) throw invalid(`invalid user namespace mode: ${host.UsernsMode}`)
  if (!/^(|host|private|container:.+)$/.test(host.PidMode)) throw invalid(`invalid PID mode: ${host.PidMode}`)
  for (const { CgroupPermissions: access } of host.Devices) {
    if (!/^[rwm]{0,3}$/.test(access)) throw invalid(`invalid device mode: ${access}`)
  }
  if (Object.keys(host.StorageOpt ?? {}).length > 0) {
    throw new EngineError('internal', "--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
  }
}
