import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, existsSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors'
import { IncomingBlob } from './incoming'

/** Bytes by what they are: `digest` is `sha256:` and 64 hex digits, `size` counts bytes. */
export interface Blob {
  digest: string
  size: number
}

/** How long the beginning of a download is kept for whoever continues it, in milliseconds. */
const keepPartial = 24 * 3600 * 1000

/** When a new blob is written through to the disk, in milliseconds after it came; much of it is there by then. */
const flushDelay = 5000

/**
 * Blobs on disk, named by their digest: `blobs/sha256/HEX`. A blob is written beside them (`ingest/`), checked and renamed,
 * so that what has a name is whole. That it reaches the disk itself is not waited for: the engine may be killed at any
 * time, and only a power cut within seconds can tear a blob, which its digest then tells.
 */
export class ContentStore {
  private readonly blobs: string
  private readonly ingests: string
  private readonly unflushed = new Set<string>()
  private flushing: NodeJS.Timeout | undefined

  constructor(dir: string) {
    this.blobs = resolve(dir, 'blobs', 'sha256')
    this.ingests = resolve(dir, 'ingest')
  }

  /**
   * Makes the folders, and clears away what was half-written, but for downloads that may soon be continued; to be called
   * once, before anything else.
   */
  async open(): Promise<void> {
    for (const folder of [this.blobs, this.ingests]) await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.ingests)) {
      const file = join(this.ingests, name)
      const { mtimeMs } = await stat(file)
      if (!name.endsWith(partial) || Date.now() - mtimeMs > keepPartial)
        await rm(file, { recursive: true, force: true })
    }
  }

  /**
   * Lets a blob of a known digest arrive in pieces: `receive` appends what is missing. What came lies aside, to be read
   * but not listed, until `keep`; when `receive` fails it stays there for the next one who asks for the same blob. A
   * beginning that was left by an earlier one and proves wrong is forgotten, and `receive` called once more. One at a
   * time for each digest. Throws kind 'invalid' when the bytes are wrong, 'internal' when the disk is full; nothing of
   * them stays then.
   */
  async download(expected: Blob, receive: (incoming: IncomingBlob) => Promise<void>): Promise<void> {
    const incoming = await IncomingBlob.open(this.aside(expected.digest), expected)
    try {
      const isContinued = incoming.length > 0
      if (!incoming.isWhole) await receive(incoming)
      let isRight = incoming.isRight()
      if (!isRight && isContinued) {
        await incoming.restart()
        await receive(incoming)
        isRight = incoming.isRight()
      }
      if (!isRight)
        throw new EngineError('invalid', `filesystem layer verification failed for digest ${expected.digest}`)
      await incoming.close()
    } catch (error) {
      const isWrong = error instanceof EngineError && error.kind === 'invalid'
      if (isWrong || isFull(error) || incoming.length === 0) await incoming.discard()
      else await incoming.close()
      throw this.told(error)
    }
  }

  /** Puts a blob that was downloaded among the others. Does nothing for one that is there. */
  async keep(digest: string): Promise<void> {
    if ((await this.size(digest)) !== undefined) return
    await rename(this.aside(digest), this.path(digest))
    this.flushSoon(digest)
  }

  /**
   * Keeps the bytes of `source`, whose digest is added to `held` before the blob can be seen. Throws kind 'invalid' when
   * they are not those expected, 'internal' when the disk is full; nothing is kept then.
   */
  async ingest(source: AsyncIterable<Uint8Array>, held: Set<string>, expected: Partial<Blob> = {}): Promise<Blob> {
    const file = join(this.ingests, randomUUID())
    try {
      const blob = await write(file, source, expected.size)
      if (expected.size !== undefined && blob.size < expected.size)
        throw new EngineError('invalid', `unexpected EOF: got ${blob.size} of ${expected.size} bytes`)
      if (expected.digest !== undefined && blob.digest !== expected.digest)
        throw new EngineError(
          'invalid',
          `filesystem layer verification failed for digest ${expected.digest}: the content is ${blob.digest}`,
        )
      held.add(blob.digest)
      await rename(file, this.path(blob.digest))
      this.flushSoon(blob.digest)
      return blob
    } catch (error) {
      await rm(file, { force: true })
      throw this.told(error)
    }
  }

  /** The bytes of a blob, also of one that was downloaded and is not kept yet. */
  read(digest: string): Readable {
    return createReadStream(this.file(digest), { highWaterMark: 256 * 1024 })
  }

  /** The file that `read` reads. */
  file(digest: string): string {
    const path = this.path(digest)
    return existsSync(path) ? path : this.aside(digest)
  }

  /** A small blob whole. Throws kind 'invalid' when it has more than `max` bytes. */
  async bytes(digest: string, max: number): Promise<Buffer> {
    const size = await this.size(digest)
    if (size !== undefined && size > max)
      throw new EngineError('invalid', `${digest} has ${size} bytes, which is more than the ${max} it may have`)
    return readFile(this.path(digest))
  }

  /** The first bytes of a blob, `length` of them or all. */
  async head(digest: string, length: number): Promise<Buffer> {
    const handle = await open(this.path(digest))
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  }

  /** Bytes of the blob, or undefined when it is not here. */
  async size(digest: string): Promise<number | undefined> {
    return (await stat(this.path(digest)).catch(() => undefined))?.size
  }

  /** The digests of all blobs. */
  async list(): Promise<string[]> {
    return (await readdir(this.blobs)).map((hex) => `sha256:${hex}`)
  }

  /** Takes effect before it returns, so that nobody can come to hold the blob in between. */
  remove(digest: string): void {
    rmSync(this.path(digest), { force: true })
  }

  /** Where a download lies until it is kept. */
  private aside(digest: string): string {
    return join(this.ingests, `${digest.slice('sha256:'.length)}${partial}`)
  }

  private flushSoon(digest: string): void {
    this.unflushed.add(digest)
    this.flushing ??= setTimeout(() => {
      this.flushing = undefined
      void this.flush()
    }, flushDelay).unref()
  }

  private async flush(): Promise<void> {
    for (const digest of this.unflushed) {
      this.unflushed.delete(digest)
      // One that is gone meanwhile needs no disk; a disk that fails is told by the next one who reads.
      await open(this.path(digest))
        .then((handle) => handle.datasync().finally(() => handle.close()))
        .catch(() => undefined)
    }
  }

  private told(error: unknown): unknown {
    return isFull(error)
      ? new EngineError('internal', `no space left on device: ${this.blobs}`, { cause: error })
      : error
  }

  private path(digest: string): string {
    return join(this.blobs, digest.slice('sha256:'.length))
  }
}

const partial = '.partial'

const isFull = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOSPC'

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Bytes written at once: what comes over a socket comes in small pieces, and each write is a trip to another thread. */
const batch = 1024 * 1024

async function write(file: string, source: AsyncIterable<Uint8Array>, max = Infinity): Promise<Blob> {
  const hash = createHash('sha256')
  let size = 0
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  const handle = await open(file, 'wx', 0o600)
  const flush = async () => {
    const bytes = waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting)
    for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten
    waiting = []
    waitingBytes = 0
  }
  try {
    for await (const chunk of source) {
      size += chunk.length
      if (size > max) throw new EngineError('invalid', `more than the ${max} bytes that it should have`)
      hash.update(chunk)
      waiting.push(chunk)
      waitingBytes += chunk.length
      if (waitingBytes >= batch) await flush()
    }
    await flush()
  } finally {
    await handle.close()
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}
