import { createHash, type Hash } from 'node:crypto'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { EngineError } from '../errors'
import type { Blob } from './content'

/**
 * A blob of a known digest that arrives in pieces, maybe over several connections and several lives of the engine. Its
 * bytes so far lie in a file of their own, which `close` leaves there to be continued; what was read back from it is
 * hashed again, so that the digest at the end vouches for every byte.
 */
export class IncomingBlob {
  private constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    private readonly expected: Blob,
    private hash: Hash,
    /** How many bytes are there. */
    public length: number,
  ) {}

  /** Opens what there is in `file`, or begins it. One at a time. */
  static async open(file: string, expected: Blob): Promise<IncomingBlob> {
    const handle = await open(file, 'a+', 0o600)
    const hash = createHash('sha256')
    let length = 0
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
      hash.update(chunk as Buffer)
      length += (chunk as Buffer).length
    }
    const blob = new IncomingBlob(file, handle, expected, hash, length)
    if (length > expected.size) await blob.restart()
    return blob
  }

  /** Adds bytes. Throws kind 'invalid' when they are more than there should be. */
  async append(chunk: Uint8Array): Promise<void> {
    const { digest, size } = this.expected
    if (this.length + chunk.length > size)
      throw new EngineError('invalid', `${digest} has more than the ${size} bytes that it should have`)
    for (let at = 0; at < chunk.length;) at += (await this.handle.write(chunk, at)).bytesWritten
    this.hash.update(chunk)
    this.length += chunk.length
  }

  /** Forgets all bytes. */
  async restart(): Promise<void> {
    await this.handle.truncate(0)
    this.hash = createHash('sha256')
    this.length = 0
  }

  get isWhole(): boolean {
    return this.length === this.expected.size
  }

  /** Whether the bytes are those expected. Ends the hash: only `restart`, `close` and `discard` may follow. */
  isRight(): boolean {
    return this.isWhole && `sha256:${this.hash.digest('hex')}` === this.expected.digest
  }

  /** Leaves the bytes for another time. */
  close(): Promise<void> {
    return this.handle.close()
  }

  async discard(): Promise<void> {
    await this.handle.close()
    await rm(this.file, { force: true })
  }
}
