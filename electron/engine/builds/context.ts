import { createHash } from 'node:crypto'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import type { TarHeader } from 'modern-tar'
import { EngineError, messageOf } from '../errors'
import { entriesOf } from './tar'

/** A file, folder or link of a build context. */
export interface Entry {
  /** Without a slash at either end; '' is the context itself. */
  path: string
  type: 'file' | 'directory' | 'symlink' | 'character-device' | 'block-device' | 'fifo'
  mode: number
  uid: number
  gid: number
  mtime: Date
  /** Bytes of a file, and where they begin in the spool. */
  size: number
  offset: number
  /** Hex SHA-256 of a file's bytes. */
  digest: string
  /** A symbolic link's target, '' otherwise. */
  link: string
  pax: Record<string, string>
}

const root: Entry = {
  path: '',
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: new Date(0),
  size: 0,
  offset: 0,
  digest: '',
  link: '',
  pax: {},
}
const maxLinks = 40
const chunkSize = 256 * 1024

/**
 * What a client sends to build from. The bytes of its files lie one after the other in a spool file, which only this
 * class names: nothing in the context's own names or links can lead out of it.
 */
export class Context {
  private readonly entries = new Map<string, Entry>([['', root]])
  private readonly children = new Map<string, Set<string>>([['', new Set()]])
  /** Bytes in the spool. */
  private length = 0

  private constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
  ) {}

  /** A context without files. */
  static async empty(file: string): Promise<Context> {
    return new Context(file, await open(file, 'wx+', 0o600))
  }

  /**
   * Reads a tar (plain, gzip, zstd …) into a new spool file. Throws kind 'invalid' for what is no tar, is cut short, or
   * holds a name that climbs out; nothing is left of it then.
   */
  static async read(source: AsyncIterable<Uint8Array>, file: string): Promise<Context> {
    const context = await Context.empty(file)
    try {
      await context.spool(source)
      return context
    } catch (error) {
      await context.close()
      throw error
    }
  }

  /** How many entries it has, the context itself included. */
  get count(): number {
    return this.entries.size
  }

  /** Removes the spool. */
  async close(): Promise<void> {
    await this.handle.close()
    await rm(this.file, { force: true })
  }

  /** The very entry with this path (as `posix.normalize` gives it), links not followed. */
  get(path: string): Entry | undefined {
    return this.entries.get(path)
  }

  /** The names in a folder, sorted. */
  list(path: string): string[] {
    return [...(this.children.get(path) ?? [])].sort()
  }

  /** All entries but the context itself, folders before what is in them. */
  *walk(below = ''): Generator<Entry> {
    for (const name of this.list(below)) {
      const entry = this.entries.get(posix.join(below, name))!
      yield entry
      if (entry.type === 'directory') yield* this.walk(entry.path)
    }
  }

  /** Where a path leads to with all links followed inside the context; undefined when it leads to nothing. */
  resolve(path: string): Entry | undefined {
    let at = ''
    const rest = path.split('/').filter(Boolean)
    for (let hops = 0; rest.length > 0;) {
      const part = rest.shift()!
      if (part === '.') continue
      const next = part === '..' ? posix.dirname(at).replace(/^\.$/, '') : posix.join(at, part)
      const entry = this.entries.get(next)
      if (entry?.type !== 'symlink') {
        if (!entry) return undefined
        at = next
        continue
      }
      if (++hops > maxLinks) return undefined
      if (entry.link.startsWith('/')) at = ''
      rest.unshift(...entry.link.split('/').filter(Boolean))
    }
    return this.entries.get(at)
  }

  /** A file's bytes. */
  async *bytes({ offset, size }: Entry): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size;) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, size - at))
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, offset + at)
      if (bytesRead === 0) throw new Error(`${this.file} is shorter than it was`)
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  /** A small file as text; undefined when it is not there or no file. Throws kind 'invalid' when it is not small. */
  async text(path: string): Promise<string | undefined> {
    const entry = this.resolve(path)
    if (entry?.type !== 'file') return undefined
    if (entry.size > 4 * 1024 * 1024) throw new EngineError('invalid', `${path} is too large`)
    const parts: Uint8Array[] = []
    for await (const part of this.bytes(entry)) parts.push(part)
    return Buffer.concat(parts).toString()
  }

  /** Takes files out, and the folders that then hold nothing. */
  keep(wanted: (path: string) => boolean): void {
    for (const entry of [...this.walk()].reverse()) {
      if (wanted(entry.path) || this.list(entry.path).length > 0) continue
      this.remove(entry.path)
    }
  }

  /** Puts a file into the context, over what is there. */
  async write(path: string, source: AsyncIterable<Uint8Array>, header: Partial<TarHeader> = {}): Promise<Entry> {
    const offset = this.length
    const hash = createHash('sha256')
    let size = 0
    for await (const chunk of source) {
      hash.update(chunk)
      for (let at = 0; at < chunk.length;) {
        at += (await this.handle.write(chunk, at, chunk.length - at, offset + size + at)).bytesWritten
      }
      size += chunk.length
      this.length += chunk.length
    }
    return this.add(path, header, { type: 'file', size, offset, digest: hash.digest('hex') })
  }

  private async spool(source: AsyncIterable<Uint8Array>): Promise<void> {
    // What goes wrong with the source is told as it is; what the decoder says is about the archive.
    let sourceError: unknown
    async function* watched() {
      try {
        yield* source
      } catch (error) {
        sourceError = error
        throw error
      }
    }
    try {
      for await (const { header, body } of entriesOf(watched())) await this.take(header, body)
    } catch (error) {
      if (sourceError) throw sourceError
      if (error instanceof EngineError || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error
      throw new EngineError('invalid', `Error processing tar file: ${messageOf(error)}`, { cause: error })
    }
  }

  private async take(header: TarHeader, body: ReadableStream<Uint8Array>): Promise<void> {
    const path = inside(header.name)
    const type = header.type ?? 'file'
    if (type === 'file' && !header.name.endsWith('/')) {
      const { size } = await this.write(path, body as unknown as AsyncIterable<Uint8Array>, header)
      if (size < header.size) throw new EngineError('invalid', 'Error processing tar file: unexpected EOF')
      return
    }
    await body.cancel()
    if (type === 'link') {
      const target = this.entries.get(inside(header.linkname ?? ''))
      if (target?.type !== 'file') {
        throw new EngineError('invalid', `"${header.name}" is a hard link to "${header.linkname}", which is not there`)
      }
      this.add(path, target, target)
    } else if (type === 'symlink') this.add(path, header, { type, link: header.linkname ?? '' })
    else if (type === 'directory' || type === 'file') this.add(path, header, { type: 'directory' })
    else if (type === 'fifo') this.add(path, header, { type })
  }

  private add(path: string, header: Partial<Omit<TarHeader, 'type'>>, facts: Partial<Entry>): Entry {
    if (path === '') return root
    const old = this.entries.get(path)
    if (old && (old.type !== 'directory' || facts.type !== 'directory')) this.remove(path)
    const parent = posix.dirname(path).replace(/^\.$/, '')
    // A folder that the tar does not name, or that took the place of a file.
    if (this.entries.get(parent)?.type !== 'directory') this.add(parent, {}, { type: 'directory' })
    const { mode, uid = 0, gid = 0, mtime = new Date(), pax = {} } = header
    const entry: Entry = {
      ...root,
      path,
      mode: (mode ?? (facts.type === 'directory' ? 0o755 : 0o644)) & 0o7777,
      uid,
      gid,
      mtime,
      ...facts,
      pax: Object.fromEntries(Object.entries(pax).filter(([key]) => key.startsWith('SCHILY.xattr.'))),
    }
    entry.path = path
    this.entries.set(path, entry)
    if (entry.type === 'directory' && !this.children.has(path)) this.children.set(path, new Set())
    this.children.get(parent)!.add(posix.basename(path))
    return entry
  }

  private remove(path: string): void {
    for (const name of this.list(path)) this.remove(posix.join(path, name))
    this.entries.delete(path)
    this.children.delete(path)
    this.children.get(posix.dirname(path).replace(/^\.$/, ''))!.delete(posix.basename(path))
  }
}

/** A tar's name as a path of the context. Throws kind 'invalid' for one that climbs out. */
function inside(name: string): string {
  const path = posix.normalize(name.replace(/^\/+/, ''))
  if (path === '..' || path.startsWith('../')) {
    throw new EngineError('invalid', `the path "${name}" climbs out of the build context`)
  }
  return path.replace(/\/$/, '').replace(/^\.$/, '')
}
