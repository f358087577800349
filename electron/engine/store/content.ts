import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../errors'

/** Bytes by what they are: `digest` is `sha256:` and 64 hex digits, `size` counts bytes. */
export interface Blob {
  digest: string
  size: number
}

/**
 * Blobs on disk, named by their digest: `blobs/sha256/HEX`. A blob is written beside them, checked, synced and renamed,
 * so that what has a name is whole.
 */
export class ContentStore {
  private readonly blobs: string
  private readonly ingests: string

  constructor(dir: string) {
    this.blobs = join(dir, 'blobs', 'sha256')
    this.ingests = join(dir, 'ingest')
  }

  /** Makes the folders, and clears away what was half-written; to be called once, before anything else. */
  async open(): Promise<void> {
    await rm(this.ingests, { recursive: true, force: true })
    for (const folder of [this.blobs, this.ingests]) await mkdir(folder, { recursive: true, mode: 0o700 })
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
      return blob
    } catch (error) {
      await rm(file, { force: true })
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
        throw new EngineError('internal', `no space left on device: ${this.blobs}`, { cause: error })
      throw error
    }
  }

  read(digest: string): Readable {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 })
  }

  /** A small blob whole. Throws kind 'invalid' when it has more than `max` bytes. */
  async bytes(digest: string, max: number): Promise<Buffer> {
    const size = await this.size(digest)
    if (size !== undefined && size > max)
      throw new EngineError('invalid', `${digest} has ${size} bytes, which is more than the ${max} it may have`)
    return readFile(this.path(digest))
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

  private path(digest: string): string {
    return join(this.blobs, digest.slice('sha256:'.length))
  }
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

async function write(file: string, source: AsyncIterable<Uint8Array>, max = Infinity): Promise<Blob> {
  const hash = createHash('sha256')
  let size = 0
  const handle = await open(file, 'wx', 0o600)
  try {
    for await (const chunk of source) {
      size += chunk.length
      if (size > max) throw new EngineError('invalid', `more than the ${max} bytes that it should have`)
      hash.update(chunk)
      for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}
