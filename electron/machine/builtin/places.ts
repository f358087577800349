import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { guestImage, snapshotDir, vmScript } from '../files'

/** Where the driver finds what it needs. */
export interface BuiltinPlaces {
  /** The bundled entry of the VM's process. */
  vmScript: string
  /** The guest image for i386, with its manifest.json. */
  guestDir: string
  /** Where snapshots are kept. */
  snapshotDir: string
}

/** The places of this program. Throws when nothing was built. */
export function defaultPlaces(): BuiltinPlaces {
  return { vmScript: vmScript(), guestDir: guestImage('i386'), snapshotDir: snapshotDir() }
}

/** Longest path of a UNIX socket that every system takes (sun_path has 104 bytes on macOS, 108 on Linux). */
const longestSocketPath = 100

/** The address on which the VM in `machineDir` is reached: a socket in that folder, or a named pipe on Windows. */
export function linkAddress(machineDir: string): string {
  const name = createHash('sha256').update(resolve(machineDir)).digest('hex').slice(0, 24)
  if (process.platform === 'win32') return `\\\\.\\pipe\\berth-link-${name}`
  const path = join(resolve(machineDir), 'link.sock')
  return Buffer.byteLength(path) <= longestSocketPath ? path : join(tmpdir(), `berth-${name}`, 'link.sock')
}
