import { pipeline } from 'node:stream'
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
 * The bytes of `source` uncompressed: gzip and zstd are known by their first bytes, anything else goes through as it is.
 * Throws kind 'invalid' for a stream that is corrupt, cut short, or compressed in another way.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(source)
  const name = nameOf(head)
  if (name === undefined) yield* all
  else if (name === 'gzip') yield* gunzip(all)
  else if (name === 'zstd') yield* unzstd(all)
  else throw new EngineError('invalid', `${name} compression is not supported: use gzip, zstd or none`)
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
  pipeline(readableOf(watched()), output, () => undefined)
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
