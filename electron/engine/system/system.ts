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
  return {
    ID: options.instance,
    Containers: containers.total,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: options.images(),
    Driver: facts.storageDriver,
    DriverStatus: [],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: ['json-file', 'local', 'none'],
    },
    MemoryLimit: true,
    SwapLimit: facts.swapLimit,
    CpuCfsPeriod: facts.cpuCfsQuota,
    CpuCfsQuota: facts.cpuCfsQuota,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: facts.pidsLimit,
    OomKillDisable: facts.oomKillDisable,
    IPv4Forwarding: true,
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroup,
    KernelVersion: facts.kernel,
    OperatingSystem: facts.os,
    OSVersion: '',
    OSType: 'linux',
    Architecture: kernelArch[facts.arch] ?? facts.arch,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
      IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
      Mirrors: [],
    },
    NCPU: facts.cpus,
    MemTotal: facts.memory,
    GenericResources: null,
    DockerRootDir: options.dataDir,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
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
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: facts.runtimeVersion },
    InitCommit: { ID: berthVersion },
    SecurityOptions: [
      ...(facts.apparmor ? ['name=apparmor'] : []),
      ...(facts.seccomp ? ['name=seccomp,profile=builtin'] : []),
    ],
    Warnings: null,
    // Where the engine itself runs; Docker has no word for it.
    BerthHost: { Platform: process.platform, Arch: hostArch(), Release: release() },
  }
}
