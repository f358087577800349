import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

/** A booted guest that has not begun to use its data disk. */
export interface Snapshot {
  /** The PC, as v86's save_state gives it. */
  state: ArrayBuffer
  /** What is on a new data disk: an empty file system, as Disk's `template` gives it. */
  disk: Buffer
}

/**
 * Snapshots are kept one file each, named after the hash of what they were made from: a magic word, the SHA-256 of the
 * rest, the length of the disk's template (u64 LE), the template, the state. Not compressed, because 57 MB are read in
 * 30 ms while gzip would take 150 ms at every start to save 35 MB of disk.
 */
const magic = Buffer.from('BERTHVM2')
const hashLength = 32
const lengthLength = 8

/** The name under which a snapshot made from these facts is kept. */
export function snapshotKey(madeFrom: Record<string, string | number>): string {
  return createHash('sha256').update(JSON.stringify(madeFrom)).digest('hex').slice(0, 32)
}

/** The snapshot kept under `key`, or why there is none. A damaged file is removed. */
export async function loadSnapshot(dir: string, key: string): Promise<Snapshot | { reason: string }> {
  const path = pathOf(dir, key)
  let file: FileHandle
  try {
    file = await open(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { reason: code === 'ENOENT' ? 'there is no snapshot yet' : message }
  }
  try {
    const { size } = await file.stat()
    const head = Buffer.alloc(magic.length + hashLength + lengthLength)
    await file.read(head, 0, head.length, 0)
    const hash = head.subarray(magic.length, magic.length + hashLength)
    const diskLength = Number(head.readBigUInt64LE(magic.length + hashLength))
    if (head.subarray(0, magic.length).equals(magic) && diskLength <= size - head.length) {
      const disk = Buffer.alloc(diskLength)
      const state = new ArrayBuffer(size - head.length - diskLength)
      await file.read(disk, 0, diskLength, head.length)
      await file.read(new Uint8Array(state), 0, state.byteLength, head.length + diskLength)
      if (hashOf({ state, disk }).equals(hash)) return { state, disk }
    }
  } finally {
    await file.close()
  }
  await rm(path, { force: true })
  return { reason: 'the snapshot is damaged' }
}

/** Keeps a snapshot under `key`: whole or not at all. Those under other keys are of no use any more and removed. */
export async function saveSnapshot(dir: string, key: string, snapshot: Snapshot): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const unfinished = join(dir, `.${key}.${process.pid}.tmp`)
  const { state, disk } = snapshot
  try {
    const parts = [magic, hashOf(snapshot), lengthOf(disk), disk, new Uint8Array(state)]
    await writeFile(unfinished, parts, { mode: 0o600 })
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

function lengthOf(disk: Buffer): Buffer {
  const length = Buffer.alloc(lengthLength)
  length.writeBigUInt64LE(BigInt(disk.length))
  return length
}

function hashOf({ state, disk }: Snapshot): Buffer {
  return createHash('sha256').update(lengthOf(disk)).update(disk).update(new Uint8Array(state)).digest()
}
