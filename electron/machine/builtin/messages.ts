import type { Stage } from '../machine'

/** What the driver asks of the VM's process; sent over the child process's IPC channel. */
export type ToVm = { type: 'start'; options: VmOptions } | { type: 'stop' } | { type: 'usage'; id: number }

/** What the VM's process tells the driver. */
export type FromVm =
  | { type: 'stage'; stage: Stage; text: string }
  | { type: 'log'; line: string }
  /** The agent has opened its link; `link` takes connections now. */
  | { type: 'ready'; kind: 'cold' | 'snapshot' }
  | { type: 'failed'; stage: Stage; message: string; fix: string }
  /** The guest has turned itself off. */
  | { type: 'halted' }
  /** Answers a 'stop': the disk is flushed; the process ends next. */
  | { type: 'stopped' }
  | { type: 'usage'; id: number; usage: VmUsage }

export interface VmOptions {
  /** Folder of the guest image: vmlinuz, initrd, seabios.bin, vgabios.bin, manifest.json. */
  guestDir: string
  /** Folder that snapshots are kept in. */
  snapshotDir: string
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
