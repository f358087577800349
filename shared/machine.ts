/**
 * What the engine's routes under /berth/ speak of: the machine that the containers run on. All sizes are bytes, all
 * times milliseconds, unless a name says otherwise.
 *
 *     GET    /berth/machines                            MachineListing[]: every driver, and which one is used
 *     GET    /berth/machine[?stream=1]                  MachineReport; a stream is a line of JSON now and at each change
 *     GET    /berth/machine/usage[?stream=1]            MachineUsage; a stream is a line of JSON a second
 *     POST   /berth/machine/start|stop|restart          MachineReport once it is done
 *     POST   /berth/machine/suspend|resume              MachineReport once it is done; 501 where the driver cannot
 *     POST   /berth/machine/set[?restart=1]             a part of MachineSettings -> SetAnswer
 *     GET    /berth/machine/doctor                      DoctorReport
 *     GET    /berth/machine/logs[?follow=1&tail=N]      text, the machine's console and its driver's notes
 *     POST   /berth/machine/use                         { driver }: what `auto` takes from the engine's next start on
 *
 * A failure is Docker's `{message}` with, where they are known, `stage` and `fix`: the one thing to do next.
 */

/**
 * The life of a machine. `suspended`: no process is left, and the next call that needs the machine resumes it; `stopped`
 * and `failed` stay so until somebody starts it.
 */
export const machineStates = [
  'starting',
  'running',
  'suspending',
  'suspended',
  'resuming',
  'stopping',
  'stopped',
  'failed',
] as const
export type MachineState = (typeof machineStates)[number]

/** What a driver can do; see the driver's interface for what each means to the engine. */
export interface MachineAbilities {
  hostBinds: boolean
  hostNetwork: boolean
  survivesEngine: boolean
  /** Its memory can go to a file and come back. */
  suspend: boolean
}

export interface MachineSettings {
  /** Processors; 0 is the driver's own choice. */
  cpus: number
  /** Memory; 0 is the driver's own choice. */
  memory: number
  /** Swap beside the memory; 0 is none. */
  swap: number
  /** Greatest size of the data disk; 0 is the driver's own choice. */
  disk: number
  /** Suspend after so many minutes with no container running and nothing asked of the machine; 0 is never. */
  suspendAfter: number
  /** When the engine ends, suspend (containers go on at the next start) instead of stopping the containers. */
  suspendOnQuit: boolean
}

/** One thing that a machine is given of the computer: cpus are counted, all else is bytes. */
export interface Resource {
  /** What this computer has; for the disk, what is free on the host plus what the machine's disk takes now. */
  host: number
  /** What the machine has now; 0 where it is not limited, or not running and not known. */
  allotted: number
  /** What it will have: differs from `allotted` until the next start where `change` is `restart`. */
  wanted: number
  /** In use inside the machine; undefined while that is not known (machine not running). */
  used?: number
  /** Whether a change holds at once, from the machine's next start, or cannot be made with this driver (`why`). */
  change: 'live' | 'restart' | 'never'
  why?: string
  /** The least and the most that can be set. */
  min: number
  max: number
}

export interface MachineResources {
  cpus: Resource
  memory: Resource
  swap: Resource
  disk: Resource
}

/** What the machine costs this computer. */
export interface MachineHostUsage {
  /** Processes of the VM on the host (none on native). */
  pids: number[]
  /** Resident bytes of those processes. */
  memory: number
  /** CPU time of those processes since their start. */
  cpuMs: number
  /** Allocated bytes of the data disk's file (sparse holes not counted). */
  diskAllocated: number
  /** Greatest size of the data disk, 0 where it is the host's own. */
  diskSize: number
  /** Bytes of the file that holds a suspended machine's memory; 0 where there is none. */
  suspended: number
}

/** What is known of the guest; of the last time it ran, while it does not. */
export interface MachineFacts {
  kernel: string
  os: string
  arch: string
  cpus: number
  memory: number
  swap: number
  runtime: string
  runtimeVersion: string
}

/** How the machine came up last; `ms` from being asked to a reachable agent. */
export interface MachineBoot {
  kind: 'cold' | 'snapshot' | 'found' | 'started' | 'resumed'
  ms: number
  /** Why it was not resumed though it had been suspended. */
  note?: string
}

/** A step of a start; the names are those of electron/machine/machine.ts. */
export interface MachineStage {
  stage: string
  text: string
  /** 0 to 1 where it can be known. */
  progress?: number
}

export interface MachineFailure {
  stage: string
  message: string
  /** The one thing to do next; '' where nothing is known to help. */
  fix: string
}

/** GET /berth/machine */
export interface MachineReport {
  driver: string
  /** Why this driver. */
  why: string
  passedOver: { driver: string; reason: string }[]
  state: MachineState
  /** While it is starting or resuming: the newest step. */
  stage?: MachineStage
  /** Where `state` is `failed`. */
  failure?: MachineFailure
  boot?: MachineBoot
  features: MachineAbilities
  facts?: MachineFacts
  settings: MachineSettings
  resources: MachineResources
  host: MachineHostUsage
}

/** GET /berth/machine/usage: what the guest uses. CPU in nanoseconds since boot, summed over its processors. */
export interface MachineUsage {
  at: string
  cpuTotal: number
  cpuBusy: number
  memoryTotal: number
  memoryUsed: number
  swapTotal: number
  swapUsed: number
  diskTotal: number
  diskUsed: number
  load1: number
  host: MachineHostUsage
}

/** POST /berth/machine/set */
export interface SetAnswer {
  report: MachineReport
  /** The names of the settings that hold at once, and of those that wait for the next start of the machine. */
  live: (keyof MachineSettings)[]
  restart: (keyof MachineSettings)[]
}

/** GET /berth/machines */
export interface MachineListing {
  driver: string
  /** Whether it can work here, and how, or why not. */
  available: boolean
  detail: string
  /** The engine runs on it. */
  current: boolean
  /** It has objects of its own from earlier: bytes that its folder takes on this computer; 0 where there is none. */
  bytes: number
}

/** GET /berth/machine/doctor */
export interface DoctorReport {
  /** The worst of the checks. */
  status: DoctorStatus
  checks: DoctorCheck[]
}
export type DoctorStatus = 'ok' | 'warning' | 'failure'

export interface DoctorCheck {
  /** A short name that stays the same, e.g. `disk-space`. */
  id: string
  /** What was looked at, e.g. "Room on this computer's disk". */
  title: string
  status: DoctorStatus
  /** What was found. */
  detail: string
  /** What to do about it; '' where all is well. */
  fix: string
}
