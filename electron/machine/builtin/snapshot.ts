import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Snapshots of a booted guest, one file each, named after the hash of what it was made from. A file is a magic word,
 * the SHA-256 of the state, and the state as v86's save_state gives it: not compressed, because 52 MB are read in 30 ms
 * while gzip would take 150 ms at every start to save 31 MB of disk.
 */
const magic = Buffer.from('BERTHVM1')
const hashLength = 32

/** The name under which a snapshot made from these facts is kept. */
export function snapshotKey(madeFrom: Record<string, string | number>): string {
  return createHash('sha256').update(JSON.stringify(madeFrom)).digest('hex').slice(0, 32)
}

/** The state kept under `key`, or why there is none. A damaged file is removed. */
export async function loadSnapshot(dir: string, key: string): Promise<{ state: ArrayBuffer } | { reason: string }> {
  const path = pathOf(dir, key)
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => error)
  if (file instanceof Error) return { reason: file.code === 'ENOENT' ? 'there is no snapshot yet' : file.message }
  const state = file.subarray(magic.length + hashLength)
  const intact =
    file.subarray(0, magic.length).equals(magic) &&
    file.subarray(magic.length, magic.length + hashLength).equals(sha256(state))
  if (!intact) {
    await rm(path, { force: true })
    return { reason: 'the snapshot is damaged' }
  }
  const aligned = new ArrayBuffer(state.length)
  new Uint8Array(aligned).set(state)
  return { state: aligned }
}

/** Keeps a state under `key`: whole or not at all. Snapshots under other keys are of no use any more and removed. */
export async function saveSnapshot(dir: string, key: string, state: ArrayBuffer): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const bytes = Buffer.from(state)
  const unfinished = join(dir, `.${key}.${process.pid}.tmp`)
  try {
    await writeFile(unfinished, [magic, sha256(bytes), bytes], { mode: 0o600 })
    await rename(unfinished, pathOf(dir, key))
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  for (const name of await readdir(dir)) {
    if (name.endsWith('.snapshot') && name !== `${key}.snapshot`) await rm(join(dir, name), { force: true })
  }
}

function pathOf(dir: string, key: string): string {
  return join(dir, `${key}.snapshot`)
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
