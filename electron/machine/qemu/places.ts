import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Longest path of a UNIX socket that every system takes (sun_path has 104 bytes on macOS, 108 on Linux). */
const longestSocketPath = 100

/** The addresses on which the VM is spoken to; none is a port, so that no other user of the computer reaches them. */
export interface Addresses {
  /** The agent's serial port. */
  link: string
  /** The guest's console. */
  console: string
  /** QEMU's own control (QMP). */
  control: string
  /** Where QEMU sends a suspended guest's memory, and takes it from. */
  memory: string
}

/**
 * UNIX sockets in `folder`, which is to be made for its owner alone; on Windows named pipes, and no folder. The folder is
 * the machine's own, or where that one's path is too long for a socket, one among the system's temporary files.
 */
export function addressesOf(machineDir: string): { folder: string | undefined; addresses: Addresses } {
  const name = createHash('sha256').update(resolve(machineDir)).digest('hex').slice(0, 24)
  const all = (place: (kind: keyof Addresses) => string): Addresses => ({
    link: place('link'),
    console: place('console'),
    control: place('control'),
    memory: place('memory'),
  })
  if (process.platform === 'win32')
    return { folder: undefined, addresses: all((kind) => `\\\\.\\pipe\\berth-${kind}-${name}`) }
  const own = join(resolve(machineDir), 'sockets')
  const fits = Buffer.byteLength(join(own, 'console.sock')) <= longestSocketPath
  const folder = fits ? own : join(tmpdir(), `berth-${name}`)
  return { folder, addresses: all((kind) => join(folder, `${kind}.sock`)) }
}
