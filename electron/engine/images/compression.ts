import { spawn } from 'node:child_process'
import { pipeline as pipe } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { Decompress } from 'fzstd'
import { EngineError } from '../errors'
import { readableOf } from './streams'

/** A compression that layers in registries may have. */
export type Compression = 'gzip' | 'zstd'

const magics: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
]
export const longestMagic = 6

const nameOf = (head: Uint8Array) => magics.find(([, magic]) => magic.every((byte, at) => head[at] === byte))?.[0]

/** The compression of a layer that begins with these bytes; undefined for none. */
export function compressionIn(head: Uint8Array): Compression | undefined {
  const name = nameOf(head)
  return name === 'gzip' || name === 'zstd' ? name : undefined
}

/**
 * The bytes of `source` uncompressed: gzip, zstd, xz and bzip2 are known by their first bytes, anything else goes through
 * as it is. Throws kind 'invalid' for a stream that is corrupt or cut short.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(source)
  const name = nameOf(head)
  if (name === undefined) yield* all
  else if (name === 'gzip') yield* gunzip(all)
  else if (name === 'zstd') yield* unzstd(all)
  else yield* byProgram(name, all)
}

async function peek(source: AsyncIterable<Uint8Array>) {
  const rest = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < longestMagic) {
    const { done, value } = await rest.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield head
      yield* { [Symbol.asyncIterator]: () => rest }
    } finally {
      // `yield*` closes the source only when it was reached.
      await rest.return?.()
    }
  }
  return { head, all: all() }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sourceError: unknown
  async function* watched() {
    try {
      yield* source
    } catch (error) {
      sourceError = error
      throw error
    }
  }
  const output = createGunzip({ chunkSize: 256 * 1024 })
  pipe(readableOf(watched()), output, () => undefined)
  try {
    yield* output
  } catch (error) {
    throw sourceError ?? new EngineError('invalid', `gzip: ${(error as Error).message}`, { cause: error })
  }
}

async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = []
  const decoder = new Decompress((chunk) => ready.push(chunk))
  const push = (chunk: Uint8Array, final: boolean) => {
    try {
      decoder.push(chunk, final)
    } catch (error) {
      throw new EngineError('invalid', `zstd: ${(error as Error).message}`, { cause: error })
    }
    const chunks = ready
    ready = []
    return chunks
  }
  for await (const chunk of source) yield* push(chunk, false)
  yield* push(new Uint8Array(0), true)
}

/** By the program of the same name, as dockerd does it with xz. Throws kind 'unsupported' where this computer has none. */
async function* byProgram(name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn(name, ['-d', '-c'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(0, 500)))
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', () =>
      reject(new EngineError('unsupported', `${name} compression needs the program ${name}, which is not installed`)),
    )
    child.on('close', (code) =>
      code === 0
        ? resolve()
        : reject(new EngineError('invalid', `${name}: ${complaint.trim() || `exit code ${code}`}`)),
    )
  })
  // A program that ends early closes its input; what it says about it tells more.
  const fed = pipeline(readableOf(source), child.stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
  const both = Promise.all([fed, ended])
  both.catch(() => child.kill())
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>
    await both
  } finally {
    child.kill()
  }
}
