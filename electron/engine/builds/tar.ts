import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { createTarDecoder, createTarPacker, type TarHeader } from 'modern-tar'
import { decompress } from '../images/compression'
import { readableOf } from '../images/streams'
import type { Entry } from './context'
import type { SelectedFile, Selection } from './sources'

type Tar = ReadableStream<Uint8Array<ArrayBuffer>>

/** The entries of a tar, in whatever compression. */
export function entriesOf(source: AsyncIterable<Uint8Array>) {
  return (Readable.toWeb(readableOf(decompress(source))) as Tar).pipeThrough(createTarDecoder({ strict: true }))
}

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
      if (head.length >= 512) break
    }
  } catch {
    return false
  }
  return isTarHeader(head)
}

/** Whether bytes begin with a tar's header: its own checksum tells, in every dialect. */
export function isTarHeader(head: Buffer): boolean {
  if (head.length < 512) return false
  const stored = head.toString('latin1', 148, 156).replaceAll('\0', ' ').trim()
  let sum = 0
  for (let at = 0; at < 512; at++) sum += at >= 148 && at < 156 ? 32 : head[at]!
  return /^[0-7]+$/.test(stored) && parseInt(stored, 8) === sum
}
