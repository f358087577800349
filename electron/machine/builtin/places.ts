import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { standardDataDir } from '../../../shared/paths'

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
 * The places of this program. In a checkout the guest image is in `.cache/guest` and snapshots go beside it into
 * `.cache/snapshots`; in a package it is in the nearest folder `guest` above this file, and snapshots go into
 * `snapshots` of the user's standard data dir. BERTH_GUEST_DIR (the folder that has i386 in it) and BERTH_SNAPSHOT_DIR
 * name others.
 */
export function defaultPlaces(env = process.env): BuiltinPlaces {
  const cache = findAbove('.cache')
  const guest = env.BERTH_GUEST_DIR ?? findAbove('guest/i386', '..') ?? join(cache ?? __dirname, 'guest')
  const user = standardDataDir({ platform: process.platform, env, home: homedir() })
  return {
    vmScript: findAbove('vm.js') ?? findAbove('out/main/vm.js') ?? join(__dirname, 'vm.js'),
    guestDir: resolve(guest, 'i386'),
    snapshotDir: env.BERTH_SNAPSHOT_DIR ?? join(cache ?? user, 'snapshots'),
  }
}

/** `name`, with `then` after it, in this file's folder or the nearest one above that has `name`. */
function findAbove(name: string, then = ''): string | undefined {
  for (let dir = __dirname; dir !== dirname(dir); dir = dirname(dir)) {
    if (existsSync(join(dir, name))) return join(dir, name, then)
  }
  return undefined
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
