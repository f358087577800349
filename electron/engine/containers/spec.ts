import { posix } from 'node:path'
import type { GuestFacts } from '../../machine/contract'
import type { BlockIo } from './block-io'
import { capabilitiesFor } from './capabilities'
import type { Config, HostConfig } from './config'
import { defaultRules, type GuestDevice } from './devices'
import { inOrder, type MountPoint } from './mounts'
import { seccompFor } from './seccomp'
import { parseSecurityOptions } from './security'

/** Parts of the OCI runtime specification 1.0.2, as far as this file writes them. */
export interface OciProcess {
  terminal: boolean
  args: string[]
  env: string[]
  cwd: string
  capabilities: Record<'bounding' | 'effective' | 'permitted', string[]>
  rlimits: { type: string; hard: number; soft: number }[]
  noNewPrivileges: boolean
  apparmorProfile?: string
  oomScoreAdj?: number
  consoleSize?: { height: number; width: number }
}

interface OciMount {
  destination: string
  type: string
  source: string
  options: string[]
}

/** What the spec of one start depends on besides the container's settings. */
export interface SpecInput {
  id: string
  config: Config
  hostConfig: HostConfig
  mounts: readonly MountPoint[]
  hostname: string
  facts: GuestFacts
  devices: GuestDevice[]
  /** `linux.resources.blockIO`. */
  blockIo?: BlockIo
  /** The pids of the containers of `--pid container:X` and `--ipc container:X`. */
  pidOf?: number
  ipcOf?: number
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What Docker hides of /proc and /sys, and what it lets be read only. */
export const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** The OCI runtime spec of a container. The agent adds root, user and the network namespace (contract.json). */
export function specOf(input: SpecInput): Record<string, unknown> {
  const { id, config, hostConfig, hostname, facts, devices } = input
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? [])
  const masks = security.maskedPaths && !hostConfig.Privileged
  const process = processOf(input)
  const filter = hostConfig.Privileged || !facts.seccomp ? undefined : security.seccomp
  const capabilities = process.capabilities.bounding
  const sysctl = { ...usualSysctls(config, hostConfig), ...hostConfig.Sysctls }
  return {
    ociVersion: '1.0.2',
    process,
    root: { path: '', readonly: hostConfig.ReadonlyRootfs },
    ...(hostConfig.UTSMode === 'host' ? {} : { hostname }),
    mounts: [
      ...systemMounts(hostConfig, security.writableCgroups, input.mounts),
      ...inOrder(input.mounts).flatMap(tmpfsMount),
    ],
    ...(hostConfig.Annotations ? { annotations: hostConfig.Annotations } : {}),
    linux: {
      cgroupsPath: posix.join('/', hostConfig.CgroupParent || 'berth', id),
      namespaces: namespacesOf(hostConfig, input),
      devices: devices.map(({ node }) => node),
      resources: {
        devices: [...defaultRules(hostConfig), ...devices.map(({ rule }) => rule)],
        ...resourcesOf(hostConfig, facts),
        ...(input.blockIo ? { blockIO: input.blockIo } : {}),
      },
      maskedPaths: masks ? (hostConfig.MaskedPaths ?? []) : [],
      readonlyPaths: masks ? (hostConfig.ReadonlyPaths ?? []) : [],
      rootfsPropagation: rootPropagation(input.mounts),
      ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
      ...(filter ? { seccomp: seccompFor(filter, { capabilities, arch: facts.arch, kernel: facts.kernel }) } : {}),
    },
  }
}

/** The first process of a container. */
export function processOf({
  config,
  hostConfig,
  hostname,
  facts,
}: Pick<SpecInput, 'config' | 'hostConfig' | 'hostname' | 'facts'>): OciProcess {
  const available = capabilitiesFor(hostConfig, facts.capabilities)
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? [])
  return {
    terminal: config.Tty,
    args: commandOf(config),
    env: environmentOf(config, hostname),
    cwd: config.WorkingDir || '/',
    capabilities: { bounding: available, effective: available, permitted: available },
    rlimits: hostConfig.Ulimits.map(({ Name, Soft, Hard }) => ({
      type: `RLIMIT_${Name.toUpperCase()}`,
      soft: limit(Soft),
      hard: limit(Hard),
    })),
    noNewPrivileges: security.noNewPrivileges,
    ...(facts.apparmor && security.apparmor && !hostConfig.Privileged ? { apparmorProfile: security.apparmor } : {}),
    ...(hostConfig.OomScoreAdj !== 0 ? { oomScoreAdj: hostConfig.OomScoreAdj } : {}),
  }
}

/** One more process in a running container. */
export function execProcessOf(
  container: Pick<SpecInput, 'config' | 'hostConfig' | 'hostname' | 'facts'>,
  exec: { args: string[]; env: string[]; cwd: string; tty: boolean; privileged: boolean },
): OciProcess {
  const { config, facts } = container
  const all = exec.privileged ? [...facts.capabilities] : undefined
  const first = processOf({ ...container, config: { ...config, Tty: exec.tty } })
  return {
    ...first,
    args: exec.args,
    env: mergeEnvironment(first.env, exec.env),
    cwd: exec.cwd || first.cwd,
    ...(all ? { capabilities: { bounding: all, effective: all, permitted: all } } : {}),
  }
}

/** Entrypoint and Cmd as one list of words. */
export function commandOf({ Entrypoint, Cmd }: Pick<Config, 'Entrypoint' | 'Cmd'>): string[] {
  return [...(Entrypoint ?? []), ...(Cmd ?? [])]
}

/** `linux.resources` without devices and block I/O; also for container.update. What the kernel lacks is out already. */
export function resourcesOf(limits: Partial<HostConfig>, facts: GuestFacts): Record<string, unknown> {
  const swap = facts.controls.includes('swap') ? swapLimit(limits) : undefined
  const memory = {
    ...(limits.Memory ? { limit: limits.Memory } : {}),
    ...(limits.MemoryReservation ? { reservation: limits.MemoryReservation } : {}),
    ...(swap ? { swap } : {}),
    ...(limits.KernelMemoryTCP ? { kernelTCP: limits.KernelMemoryTCP } : {}),
    ...(limits.MemorySwappiness != null ? { swappiness: limits.MemorySwappiness } : {}),
    ...(limits.OomKillDisable ? { disableOOMKiller: true } : {}),
  }
  const period = limits.NanoCpus ? 100_000 : limits.CpuPeriod
  const quota = limits.NanoCpus ? Math.round(limits.NanoCpus / 10_000) : limits.CpuQuota
  const cpu = {
    ...(limits.CpuShares ? { shares: limits.CpuShares } : {}),
    ...(period ? { period } : {}),
    ...(quota ? { quota } : {}),
    ...(limits.CpuRealtimePeriod ? { realtimePeriod: limits.CpuRealtimePeriod } : {}),
    ...(limits.CpuRealtimeRuntime ? { realtimeRuntime: limits.CpuRealtimeRuntime } : {}),
    ...(limits.CpusetCpus ? { cpus: limits.CpusetCpus } : {}),
    ...(limits.CpusetMems ? { mems: limits.CpusetMems } : {}),
  }
  const pids = limits.PidsLimit ?? 0
  return {
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(pids !== 0 ? { pids: { limit: pids } } : {}),
  }
}

/** Memory and swap together; as much swap as memory when only memory is limited. */
function swapLimit({ Memory = 0, MemorySwap = 0 }: Partial<HostConfig>): number {
  return MemorySwap !== 0 ? MemorySwap : Memory * 2
}

/** Later ones win; order is that of the first appearance. `KEY` alone takes the key away. */
function mergeEnvironment(base: readonly string[], over: readonly string[]): string[] {
  const merged = new Map<string, string | undefined>()
  for (const entry of [...base, ...over]) {
    merged.set(entry.split('=', 1)[0]!, entry.includes('=') ? entry : undefined)
  }
  return [...merged.values()].filter((entry) => entry !== undefined)
}

function environmentOf(config: Config, hostname: string): string[] {
  const base = [defaultPath, `HOSTNAME=${hostname}`, ...(config.Tty ? ['TERM=xterm'] : [])]
  return mergeEnvironment(base, config.Env ?? [])
}

/** What dockerd sets in a network namespace of the container's own: pings and low ports need no capability. */
function usualSysctls(config: Config, { NetworkMode }: HostConfig): Record<string, string> {
  return {
    ...(config.Domainname ? { 'kernel.domainname': config.Domainname } : {}),
    ...(NetworkMode === 'host'
      ? {}
      : { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' }),
  }
}

function namespacesOf(
  { UTSMode, IpcMode, PidMode, CgroupnsMode }: HostConfig,
  { pidOf, ipcOf }: Pick<SpecInput, 'pidOf' | 'ipcOf'>,
): { type: string; path?: string }[] {
  return [
    { type: 'mount' },
    ...(UTSMode === 'host' ? [] : [{ type: 'uts' }]),
    ...(IpcMode === 'host' ? [] : [{ type: 'ipc', ...(ipcOf ? { path: `/proc/${ipcOf}/ns/ipc` } : {}) }]),
    ...(PidMode === 'host' ? [] : [{ type: 'pid', ...(pidOf ? { path: `/proc/${pidOf}/ns/pid` } : {}) }]),
    ...(CgroupnsMode === 'private' ? [{ type: 'cgroup' }] : []),
  ]
}

function systemMounts(
  { ShmSize, IpcMode, Privileged }: HostConfig,
  writableCgroups: boolean,
  own: readonly MountPoint[],
): OciMount[] {
  const safe = ['nosuid', 'noexec', 'nodev']
  const access = Privileged ? 'rw' : 'ro'
  // The agent mounts what containers share; the name of the others' is nobody else's.
  const shm: OciMount[] =
    IpcMode === 'host'
      ? [{ destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind', ...safe] }]
      : IpcMode === 'private'
        ? [
            {
              destination: '/dev/shm',
              type: 'tmpfs',
              source: 'shm',
              options: [...safe, 'mode=1777', `size=${ShmSize}`],
            },
          ]
        : []
  const all: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: safe },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...safe, 'relatime', writableCgroups ? 'rw' : access],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
    ...shm,
  ]
  const taken = new Set(own.map(({ destination }) => destination))
  return all.filter(
    ({ destination }) => !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/')),
  )
}

function tmpfsMount({ type, destination, readOnly, options }: MountPoint): OciMount[] {
  if (type !== 'tmpfs') return []
  const own = options.filter((option) => option !== 'ro' && option !== 'rw')
  return [
    {
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['noexec', 'nosuid', 'nodev', ...own, ...(readOnly ? ['ro'] : [])],
    },
  ]
}

/** Mounts that are to be seen on the other side need a root that passes them on. */
function rootPropagation(mounts: readonly MountPoint[]): string {
  const asked = mounts.map(({ propagation }) => propagation)
  if (asked.some((propagation) => propagation.endsWith('shared'))) return 'rshared'
  if (asked.some((propagation) => propagation.endsWith('slave'))) return 'rslave'
  return 'rprivate'
}

/** -1 is "no limit": the greatest number that a JSON number and the kernel's signed 64 bits both hold. */
function limit(value: number): number {
  return value < 0 ? 2 ** 63 - 1024 : value
}
