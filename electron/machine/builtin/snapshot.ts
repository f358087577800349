import { createHash, type Hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync, readvSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { CompiledModule, KeptCode } from './native-code'
import type { P9State } from './p9'

/** A guest that was stopped: one that all machines begin with, or a machine that sleeps. */
export interface Snapshot {
  /** What is on a new data disk: an empty file system, as Disk's `template` gives it. A machine that sleeps has its own. */
  disk: Uint8Array
  /** The PC's devices, as v86's save_state gives them. */
  state: Uint8Array
  /** Whether the guest has rehearsed a start, so that `code` has what a start runs. */
  rehearsed: boolean
  /** Whom the 9p server serves. */
  share: P9State
  /** Numbers that are not in either (see core.ts). */
  facts: Record<string, number>
  /** The emulator's compiled code. */
  code: KeptCode
  /** The emulator's whole memory, the guest's in it. Most of it is zeros. */
  memory: Uint8Array
}

/** A snapshot that was read, but for its memory and its code, which are read when they are asked for. */
export interface OpenSnapshot extends Omit<Snapshot, 'memory'> {
  disk: Buffer
  /** Length of the memory in bytes. */
  memoryLength: number
  /** Reads all of the memory that is not zeros to where it belongs. Throws `DamagedSnapshot`. */
  readMemory(into: Uint8Array): void
}

/** The file is not as it was written. */
export class DamagedSnapshot extends Error {
  constructor() {
    super('the snapshot is damaged')
  }
}

/**
 * Snapshots are kept one file each, named after the hash of what they were made from: a magic word, the SHA-256 of the
 * head, the disk, the state and the memory, the length of the head (u32 LE), the head (JSON), the disk, the state, the
 * memory's pages, the code, of which each module has its CRC-32 in the head. Not compressed, because 57 MB are read in 30 ms while gzip would take 150 ms at every start
 * to save 35 MB of disk. The pages are read straight into the emulator's memory.
 */
const magic = Buffer.from('BERTHVM4')
const hashLength = 32
const beginningLength = magic.length + hashLength + 4
const pageSize = 4096
/** How many buffers one system call takes (IOV_MAX). */
const longestVector = 1024

interface Head {
  rehearsed: boolean
  share: P9State
  facts: Record<string, number>
  /** Bytes of each. */
  disk: number
  state: number
  memory: number
  /** Index of each module, bytes of its WebAssembly and of its machine code, CRC-32 of both. */
  code: [number, number, number, number][]
  /** Number of the first page and of pages for each run of pages that are not all zeros. */
  runs: [number, number][]
}

/** The name under which a snapshot made from these facts is kept. */
export function snapshotKey(madeFrom: Record<string, string | number>): string {
  return createHash('sha256').update(JSON.stringify(madeFrom)).digest('hex').slice(0, 32)
}

/** The snapshot kept under `key`, or why there is none. Throws `DamagedSnapshot`. */
export function openSnapshot(dir: string, key: string): OpenSnapshot | { reason: string } {
  let fd: number
  try {
    fd = openSync(pathOf(dir, key), 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { reason: code === 'ENOENT' ? 'there is no snapshot yet' : message }
  }
  try {
    return readSnapshot(fd)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Removes a snapshot that was found to be damaged. */
export async function removeSnapshot(dir: string, key: string): Promise<void> {
  await rm(pathOf(dir, key), { force: true })
}

function readSnapshot(fd: number): OpenSnapshot {
  let at = 0
  const { size } = fstatSync(fd)
  const take = (length: number): Buffer => {
    if (at + length > size) throw new DamagedSnapshot()
    const bytes = bytesAt(fd, at, length)
    at += length
    return bytes
  }
  const beginning = take(beginningLength)
  if (!beginning.subarray(0, magic.length).equals(magic)) throw new DamagedSnapshot()
  const headBytes = take(beginning.readUInt32LE(magic.length + hashLength))
  const head = parse(headBytes)
  const disk = take(head.disk)
  const state = take(head.state)
  const codeAt = at + head.runs.reduce((sum, [, count]) => sum + count, 0) * pageSize
  const code: KeptCode = new Map()
  let end = codeAt
  for (const [index, wasm, native, sum] of head.code) {
    const begin = end
    code.set(index, () => {
      const module = { wasm: bytesAt(fd, begin, wasm), native: bytesAt(fd, begin + wasm, native) }
      if (sumOf(module) !== sum) throw new DamagedSnapshot()
      return module
    })
    end += wasm + native
  }
  if (end !== size) throw new DamagedSnapshot()
  const readMemory = (into: Uint8Array) => {
    const parts = partsOf(into, head.runs)
    for (let first = 0; first < parts.length; first += longestVector)
      at += readvSync(fd, parts.slice(first, first + longestVector), at)
    const hash = hashOf([headBytes, disk, state, ...parts])
    if (at !== codeAt || !hash.equals(beginning.subarray(magic.length, magic.length + hashLength)))
      throw new DamagedSnapshot()
  }
  const { rehearsed, share, facts, memory: memoryLength } = head
  return { disk, state, rehearsed, share, facts, code, memoryLength, readMemory }
}

function sumOf({ wasm, native }: CompiledModule): number {
  return crc32(native, crc32(wasm))
}

function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  readSync(fd, bytes, 0, length, at)
  return bytes
}

function parse(head: Buffer): Head {
  try {
    return JSON.parse(head.toString()) as Head
  } catch {
    throw new DamagedSnapshot()
  }
}

/** Keeps a snapshot under `key`: whole or not at all. Those under other keys are of no use any more and removed. */
export async function saveSnapshot(dir: string, key: string, snapshot: Snapshot): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const { disk, state, rehearsed, share, facts, memory } = snapshot
  const runs = runsOf(memory)
  const code = [...snapshot.code].map(([index, get]): [number, CompiledModule] => [index, get()])
  const head: Head = {
    rehearsed,
    share,
    facts,
    disk: disk.length,
    state: state.length,
    memory: memory.length,
    code: code.map(([index, module]) => [index, module.wasm.length, module.native.length, sumOf(module)]),
    runs,
  }
  const headBytes = Buffer.from(JSON.stringify(head))
  const headLength = Buffer.alloc(4)
  headLength.writeUInt32LE(headBytes.length)
  const parts = [headBytes, disk, state, ...partsOf(memory, runs)]
  const codeParts = code.flatMap(([, { wasm, native }]) => [wasm, native])
  const unfinished = join(dir, `.${key}.${process.pid}.tmp`)
  const file = await open(unfinished, 'w', 0o600)
  try {
    for (const part of [magic, hashOf(parts), headLength, ...parts, ...codeParts]) await file.writeFile(part)
    await file.datasync()
    await rename(unfinished, pathOf(dir, key))
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  } finally {
    await file.close()
  }
  for (const name of await readdir(dir)) {
    if (name.endsWith('.snapshot') && name !== `${key}.snapshot`) await rm(join(dir, name), { force: true })
  }
}

/** Runs of pages that are not all zeros. */
function runsOf(memory: Uint8Array): [number, number][] {
  const words = new BigUint64Array(memory.buffer, memory.byteOffset, memory.byteLength / 8)
  const wordsInPage = pageSize / 8
  const runs: [number, number][] = []
  for (let page = 0; page * pageSize < memory.length; page++) {
    let word = page * wordsInPage
    const end = word + wordsInPage
    while (word < end && words[word] === 0n) word++
    if (word === end) continue
    const last = runs.at(-1)
    if (last && last[0] + last[1] === page) last[1]++
    else runs.push([page, 1])
  }
  return runs
}

function partsOf(memory: Uint8Array, runs: [number, number][]): Uint8Array[] {
  return runs.map(([first, count]) => memory.subarray(first * pageSize, (first + count) * pageSize))
}

function hashOf(parts: Uint8Array[]): Buffer {
  return parts.reduce<Hash>((hash, part) => hash.update(part), createHash('sha256')).digest()
}

function pathOf(dir: string, key: string): string {
  return join(dir, `${key}.snapshot`)
}
