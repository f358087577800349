import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
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
  let file: FileHandle
  try {
    file = await open(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { reason: code === 'ENOENT' ? 'there is no snapshot yet' : message }
  }
  try {
    const head = Buffer.alloc(magic.length + hashLength)
    await file.read(head, 0, head.length, 0)
    const state = new ArrayBuffer(Math.max(0, (await file.stat()).size - head.length))
    await file.read(new Uint8Array(state), 0, state.byteLength, head.length)
    if (head.equals(Buffer.concat([magic, sha256(state)]))) return { state }
    await rm(path, { force: true })
    return { reason: 'the snapshot is damaged' }
  } finally {
    await file.close()
  }
}

/** Keeps a state under `key`: whole or not at all. Snapshots under other keys are of no use any more and removed. */
export async function saveSnapshot(dir: string, key: string, state: ArrayBuffer): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const unfinished = join(dir, `.${key}.${process.pid}.tmp`)
  try {
    await writeFile(unfinished, [magic, sha256(state), new Uint8Array(state)], { mode: 0o600 })
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

function sha256(state: ArrayBuffer): Buffer {
  return createHash('sha256').update(new Uint8Array(state)).digest()
}
