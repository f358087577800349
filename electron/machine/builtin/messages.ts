import type { Stage } from '../machine'

/** What the driver asks of the VM's process; sent over the child process's IPC channel. */
export type ToVm = { type: Task; options: VmOptions } | { type: 'stop' } | { type: 'usage'; id: number }

/**
 * What a VM's process is for: 'boot' Linux, keep a snapshot of it and end; 'rehearse' a start from that snapshot, keep
 * one with the compiled code of it and end; 'resume' the guest from what 'suspend' has kept, or else from the best
 * snapshot there is; then 'suspend' it, keep it as it is and end.
 */
export type Task = 'boot' | 'rehearse' | 'resume' | 'suspend'

/** How a task went. */
export type Outcome =
  /** The snapshot was kept; the process ends. */
  | { type: 'kept' }
  /** There is no snapshot to go on from; the process ends. */
  | { type: 'noSnapshot'; reason: string }
  /** What 'suspend' has kept is of no use and was removed; the process ends. */
  | { type: 'refused'; reason: string }
  /** The agent has opened its link, and `linkAddress` takes connections. */
  | { type: 'ready'; from: 'snapshot' | 'rehearsed' | 'suspended' }
  /** Nothing was kept; a guest that was to be suspended goes on. */
  | { type: 'failed'; stage: Stage; message: string; fix: string }

/** What the VM's process tells the driver. */
export type FromVm =
  | Outcome
  /** While rehearsing: the agent has opened its link, and is to be used as rehearsal.ts does. */
  | { type: 'rehearsal' }
  | { type: 'stage'; stage: Stage; text: string }
  | { type: 'log'; line: string }
  /** The guest has turned itself off. */
  | { type: 'halted' }
  | { type: 'usage'; id: number; usage: VmUsage }

export interface VmOptions {
  /** Folder of the guest image: vmlinuz, initrd, seabios.bin, vgabios.bin, manifest.json. */
  guestDir: string
  /** Folder that snapshots are kept in. */
  snapshotDir: string
  /** Folder that a suspended guest is kept in: there and not empty only while one is. */
  suspendedDir: string
  /** The data disk's file. */
  diskFile: string
  /** UNIX socket or named pipe on which the engine reaches the agent. */
  linkAddress: string
  /** Bytes of guest memory. */
  memory: number
  /** Size of the data disk in bytes. */
  diskSize: number
}

export interface VmUsage {
  /** Resident bytes of the process. */
  memory: number
  /** CPU time since the process's start in milliseconds. */
  cpuMs: number
}
