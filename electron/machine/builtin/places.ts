import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { defaultDataDir } from '../../../shared/paths'

/** Where the driver finds what it needs. */
export interface BuiltinPlaces {
  /** The bundled entry of the VM's process. */
  vmScript: string
  /** The guest image for i386, with its manifest.json. */
  guestDir: string
  /** Where snapshots are kept. They hold no one's data and belong to no machine in particular. */
  snapshotDir: string
}

/**
 * The places of this program. The guest image: the folder i386 in BERTH_GUEST_DIR when that is set, else in `guest` of
 * the nearest folder above this file that has one (a package), else in its `.cache/guest` (a checkout). The snapshots:
 * BERTH_SNAPSHOT_DIR, else `snapshots` in the data dir.
 */
export function defaultPlaces(env = process.env): BuiltinPlaces {
  const dataDir = defaultDataDir({ platform: process.platform, env, home: homedir() })
  return {
    vmScript: findAbove(['vm.js', 'out/main/vm.js']),
    guestDir: env.BERTH_GUEST_DIR
      ? resolve(env.BERTH_GUEST_DIR, 'i386')
      : dirname(findAbove(['guest/i386/manifest.json', '.cache/guest/i386/manifest.json'])),
    snapshotDir: env.BERTH_SNAPSHOT_DIR ?? join(dataDir, 'snapshots'),
  }
}

/** The first of the names that exists in this file's folder or one above; the last name in this folder if none does. */
function findAbove(names: string[]): string {
  for (let dir = __dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const found = names.map((name) => join(dir, name)).find((path) => existsSync(path))
    if (found) return found
  }
  return join(__dirname, names.at(-1)!)
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
