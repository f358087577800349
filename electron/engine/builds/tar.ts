import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { createTarDecoder, createTarPacker, type TarHeader } from 'modern-tar'
import { EngineError } from '../errors'
import { decompress } from '../images/compression'
import { readableOf } from '../images/streams'
import type { Entry } from './context'
import type { SelectedFile, Selection } from './sources'

type Tar = ReadableStream<Uint8Array<ArrayBuffer>>

/**
 * The entries of a tar, in whatever compression. The docker command leaves out the last block's padding and the tar's end,
 * so the decoder can't be strict: what is no tar at all is refused here, kind 'invalid', and a body that lacks more than
 * its padding is its reader's to see.
 */
export function entriesOf(source: AsyncIterable<Uint8Array>) {
  return (Readable.toWeb(readableOf(checked(decompress(source)))) as Tar).pipeThrough(createTarDecoder())
}

/** Passes a tar on when it begins like one, whole to the block; nothing, and zeros, are a tar without entries. */
async function* checked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0)
  let length = 0
  for await (const chunk of source) {
    length += chunk.length
    if (head) head = Buffer.concat([head, chunk])
    if (!head) yield chunk
    else if (head.length >= blockSize) {
      if (!isTarHeader(head) && head.subarray(0, blockSize).some((byte) => byte !== 0)) throw notTar()
      yield head
      head = undefined
    }
  }
  if (head && head.length > 0) throw notTar()
  yield Buffer.alloc(((blockSize - (length % blockSize)) % blockSize) + 2 * blockSize)
}

const blockSize = 512
const notTar = () => new EngineError('invalid', 'Error processing tar file: archive/tar: invalid tar header')

/**
 * Which of the files that ADD names are archives to unpack: tars, compressed or not. Files inside of folders, and those
 * that come from elsewhere, are copied as they are.
 */
export async function archivesIn({ sources, files }: Selection): Promise<Set<Entry>> {
  const archives = new Set<Entry>()
  for (const { entry } of sources) {
    const file = files.find((each) => each.entry === entry)
    if (entry.type === 'file' && file && !file.remote && (await isArchive(file))) archives.add(entry)
  }
  return archives
}

/** A tar of a selection, all of it root's; archives are unpacked in it, and what is in them keeps its owners. */
export function tarOf({ files }: Selection, archives: ReadonlySet<Entry>): Readable {
  const { readable, controller } = createTarPacker()
  async function add(header: TarHeader, body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const writer = controller.add(header).getWriter()
    for await (const chunk of body) await writer.write(chunk as Uint8Array<ArrayBuffer>)
    await writer.close()
  }
  async function pack(): Promise<void> {
    for (const { name, entry, context } of files) {
      if (archives.has(entry)) {
        for await (const { header, body } of entriesOf(context.bytes(entry))) {
          await add({ ...header, name: posix.normalize(header.name) }, body as unknown as AsyncIterable<Uint8Array>)
        }
        continue
      }
      const { type, mode, mtime, size, link, pax } = entry
      const header = { name: type === 'directory' ? `${name}/` : name, type, mode, mtime, size, linkname: link, pax }
      await add(header, type === 'file' ? context.bytes(entry) : [])
    }
    controller.finalize()
  }
  pack().catch((error: unknown) => controller.error(error))
  return Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0])
}

async function isArchive({ context, entry }: SelectedFile): Promise<boolean> {
  let head = Buffer.alloc(0)
  try {
    for await (const chunk of decompress(context.bytes(entry))) {
      head = Buffer.concat([head, chunk])
      if (head.length >= blockSize) break
    }
  } catch {
    return false
  }
  return isTarHeader(head)
}

/** Whether bytes begin with a tar's header: its own checksum tells, in every dialect. */
export function isTarHeader(head: Buffer): boolean {
  if (head.length < blockSize) return false
  const stored = head.toString('latin1', 148, 156).replaceAll('\0', ' ').trim()
  let sum = 0
  for (let at = 0; at < blockSize; at++) sum += at >= 148 && at < 156 ? 32 : head[at]!
  return /^[0-7]+$/.test(stored) && parseInt(stored, 8) === sum
}
