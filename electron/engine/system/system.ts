import { arch as hostArch, release } from 'node:os'
import { berthVersion, maxApiVersion, minApiVersion } from '../../../shared/version'
import type { GuestFacts } from '../../machine/contract'

export interface SystemOptions {
  /** Made once for this data dir. */
  instance: string
  dataDir: string
  facts: () => GuestFacts
  containers: () => { total: number; running: number; paused: number; stopped: number }
  images: () => number
  /** How many clients follow the events. */
  listeners: () => number
  /** What /info tells of registries and proxies. */
  registries: () => object
}

/** Docker's name of an architecture as the kernel names it, for /info. */
const kernelArch: Record<string, string> = { amd64: 'x86_64', '386': 'i686', arm64: 'aarch64' }

const components = (facts: GuestFacts) => [
  {
    Name: 'Engine',
    Version: berthVersion,
    Details: {
      ApiVersion: maxApiVersion,
      MinAPIVersion: minApiVersion,
      Arch: facts.arch,
      Os: 'linux',
      KernelVersion: facts.kernel,
      NodeVersion: process.version,
    },
  },
  { Name: facts.runtime, Version: facts.runtimeVersion, Details: {} },
]

/** GET /version. */
export function versionOf(facts: GuestFacts): Record<string, unknown> {
  return {
    Platform: { Name: 'Berth' },
    Components: components(facts),
    Version: berthVersion,
    ApiVersion: maxApiVersion,
    MinAPIVersion: minApiVersion,
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch: facts.arch,
    KernelVersion: facts.kernel,
  }
}

/** GET /info. The figures are the guest's, as a container sees them. */
export function infoOf(options: SystemOptions): Record<string, unknown> {
  const facts = options.facts()
  const containers = options.containers()
  const has = (control: string) => facts.controls.includes(control)
  return {
    ID: options.instance,
    Containers: containers.total,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: options.images(),
    Driver: facts.storageDriver,
    DriverStatus: [
      ['Backing Filesystem', facts.fileSystem],
      ['Supports d_type', 'true'],
      ['Using metacopy', 'false'],
      ['Native Overlay Diff', 'true'],
      ['userxattr', 'false'],
    ],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: ['json-file', 'local'],
    },
    MemoryLimit: has('memory'),
    SwapLimit: has('swap'),
    CpuCfsPeriod: has('cpuQuota'),
    CpuCfsQuota: has('cpuQuota'),
    CPUShares: has('cpuShares'),
    CPUSet: has('cpuset'),
    PidsLimit: has('pids'),
    OomKillDisable: has('oomKillDisable'),
    IPv4Forwarding: facts.forwarding,
    BridgeNfIptables: false,
    BridgeNfIp6tables: false,
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: options.listeners(),
    SystemTime: new Date().toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroup,
    KernelVersion: facts.kernel,
    OperatingSystem: facts.os,
    OSVersion: facts.osVersion,
    OSType: 'linux',
    Architecture: kernelArch[facts.arch] ?? facts.arch,
    IndexServerAddress: 'https://index.docker.io/v1/',
    ...options.registries(),
    NCPU: facts.cpus,
    MemTotal: facts.memory,
    GenericResources: null,
    DockerRootDir: options.dataDir,
    Name: facts.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: berthVersion,
    Runtimes: Object.fromEntries(facts.runtimes.map((name) => [name, { path: name }])),
    DefaultRuntime: facts.runtime,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: 'docker-init',
    ContainerdCommit: { ID: 'N/A', Expected: 'N/A' },
    RuncCommit: { ID: facts.runtimeVersion, Expected: facts.runtimeVersion },
    InitCommit: { ID: berthVersion, Expected: berthVersion },
    SecurityOptions: [
      ...(facts.apparmor ? ['name=apparmor'] : []),
      ...(facts.seccomp ? ['name=seccomp,profile=builtin'] : []),
      ...(facts.cgroup === '2' ? ['name=cgroupns'] : []),
    ],
    CDISpecDirs: [],
    Warnings: warningsOf(facts),
    // Where the engine itself runs; Docker has no word for it.
    BerthHost: { Platform: process.platform, Arch: hostArch(), Release: release() },
  }
}

/** What this machine can't do and a container may be asked for. */
function warningsOf(facts: GuestFacts): string[] | null {
  const lacks = (control: string) => !facts.controls.includes(control)
  const all = [
    lacks('memory') && 'WARNING: No memory limit support',
    lacks('swap') && 'WARNING: No swap limit support',
    facts.cgroup === '1' && lacks('oomKillDisable') && 'WARNING: No oom kill disable support',
    lacks('cpuQuota') && 'WARNING: No cpu cfs quota support',
    lacks('cpuQuota') && 'WARNING: No cpu cfs period support',
    lacks('cpuShares') && 'WARNING: No cpu shares support',
    lacks('cpuset') && 'WARNING: No cpuset support',
    lacks('pids') && 'WARNING: No pids limit support',
    !facts.seccomp && 'WARNING: No seccomp support: containers may make every system call',
    !facts.forwarding && 'WARNING: IPv4 forwarding is disabled',
    !facts.capabilities.includes('CAP_SYS_RESOURCE') &&
      'WARNING: The machine lacks CAP_SYS_RESOURCE: privileged containers get the capabilities that there are',
  ].filter((warning) => warning !== false)
  return all.length > 0 ? all : null
}
