import type { Duplex } from 'node:stream'

export type DriverName = 'native' | 'qemu' | 'builtin'

/** What differs between drivers and matters to the engine; code outside a driver's folder asks these, never the name. */
export interface MachineFeatures {
  /** Containers see the host's own file system, so `-v /host/path:/x` can be a plain bind mount. */
  hostBinds: boolean
  /** The guest's networks are the host's own: container addresses can be reached from here without the agent. */
  hostNetwork: boolean
  /** The agent and its containers go on when the engine's process ends. */
  survivesEngine: boolean
  /** `suspend` is there. */
  suspend: boolean
}

/** What a machine is given: processors, and bytes of memory, of swap beside it, of the data disk. */
export interface MachineSize {
  cpus: number
  memory: number
  swap: number
  disk: number
}
export type SizeName = keyof MachineSize

/** How one of them can be changed: at once by `resize`, at the next start, or not at all with the reason. */
export type SizeChange = 'live' | 'restart' | { never: string }

export interface SizeRule {
  /** What a machine gets that nothing is set for; 0 is no limit. */
  default: number
  min: number
  max: number
  change: SizeChange
}

/** The named steps of a start, in order; a driver leaves out those it does not have. */
export const stages = ['files', 'vm', 'kernel', 'disk', 'agent', 'network', 'engine'] as const
export type Stage = (typeof stages)[number]

export interface StageReport {
  stage: Stage
  /** A short sentence for a person, e.g. "Booting Linux for the first time (about a minute)". */
  text: string
  /** 0 to 1 where it can be known. */
  progress?: number
}

/** A start that failed: what happened, why, and the one thing to do next. */
export class MachineError extends Error {
  constructor(
    readonly stage: Stage,
    message: string,
    readonly fix: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'MachineError'
  }
}

export interface MachineOptions extends MachineSize {
  /** This machine's own folder inside the data dir; made by the driver when missing. */
  dir: string
  /** Lines of the guest's console and the driver's own notes. */
  log: (line: string) => void
}

/** What a machine costs on the host; all byte counts are those that the host sees. */
export interface HostUsage {
  /** Processes of the VM on the host (none on native). */
  pids: number[]
  /** Resident bytes of those processes. */
  memory: number
  /** CPU time of those processes since their start, in milliseconds. */
  cpuMs: number
  /** Allocated bytes of the data disk's file (sparse holes not counted). */
  diskAllocated: number
  /** Greatest size of the data disk in bytes, 0 where it is the host's own disk. */
  diskSize: number
  /** Bytes of what `suspend` has left; 0 where there is nothing. */
  suspended: number
}

export interface BootReport {
  kind: 'cold' | 'snapshot' | 'found' | 'started' | 'resumed'
  /** Milliseconds from `start()` to a reachable agent. */
  ms: number
  /** Why it was not resumed though `suspend` had left something: a sentence for a person. */
  note?: string
}

/**
 * One run of a Linux host for containers. Order of calls: `start` once, then `connect` any number of times, then `stop`,
 * `suspend` or `kill` once. `start` rejects with a MachineError and leaves nothing running. `stop` and `kill` may be
 * called at any time, also during a start, and more than once. `hostUsage` works before `start` and after the end too.
 * For the next run another Machine is made on the same folder.
 */
export interface Machine {
  readonly driver: DriverName
  start(onStage: (report: StageReport) => void): Promise<BootReport>
  /** Opens a byte stream to the agent; the frames of resources/guest/contract.json travel on it. */
  connect(): Promise<Duplex>
  hostUsage(): Promise<HostUsage>
  /** Clean end: the guest's disk is synced and unmounted, its processes end. On native the agent goes on. */
  stop(): Promise<void>
  /**
   * Puts the guest's memory into files of `dir` and ends its processes; whoever holds a link to the agent has closed it.
   * The next `start` on that folder goes on from there (kind 'resumed') and takes the files away; what is damaged, or of
   * another guest, processor, size or program, is refused, and that start is a cold one (`note`). Rejects with a
   * MachineError when the guest's memory could not be kept whole: the guest goes on running then.
   */
  suspend?(): Promise<void>
  /** Changes what SizeRule calls 'live', of a running machine. Rejects with a MachineError; nothing has changed then. */
  resize?(change: Partial<MachineSize>): Promise<void>
  /** Ends the VM's process at once, as a power cut would. */
  kill(): Promise<void>
  /** Called once when the machine ends without `stop` or `kill`. */
  onExit(listener: (reason: string) => void): void
}

export type ProbeResult = { ok: true; detail: string } | { ok: false; reason: string }

/** One way to make a machine. */
export interface Driver {
  readonly name: DriverName
  readonly features: MachineFeatures
  /** Whether this driver can work on this computer, without starting anything lasting. */
  probe(): Promise<ProbeResult>
  /** What a machine of this driver may be given on this computer. */
  sizes(): Record<SizeName, SizeRule>
  create(options: MachineOptions): Machine
}

/** What a driver gives a machine that nothing is set for. */
export function defaultSize(driver: Driver): MachineSize {
  const { cpus, memory, swap, disk } = driver.sizes()
  return { cpus: cpus.default, memory: memory.default, swap: swap.default, disk: disk.default }
}
