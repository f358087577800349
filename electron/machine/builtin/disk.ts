import { close, existsSync, fdatasync, fstat, ftruncate, open, read, write } from 'node:fs'
import { open as openHandle, rename } from 'node:fs/promises'
import { promisify } from 'node:util'

const openFile = promisify(open)
const truncate = promisify(ftruncate)
const stat = promisify(fstat)
const sync = promisify(fdatasync)
const closeFile = promisify(close)
const readFile = promisify(read)

const blockSize = 4096

/** Makes a disk of `size` bytes that holds what another's `template` has; a disk that is there is left alone. */
export async function createFrom(template: Buffer, path: string, size: number): Promise<void> {
  if (existsSync(path)) return
  const unfinished = `${path}.new`
  const file = await openHandle(unfinished, 'w', 0o600)
  try {
    await file.truncate(size)
    for (let at = 0; at < template.length; at += 4 + blockSize) {
      await file.write(template, at + 4, blockSize, template.readUInt32LE(at) * blockSize)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
}

/**
 * The data disk: a sparse file of the host's behind v86's IDE drive (the buffer object that its `hda` option takes).
 * The drive has one command under way at a time and answers it when the callback is called, so writes are in order, and
 * a write that the guest knows to be done is in the host's page cache: it survives the end of this process. `flush`
 * makes it survive the end of the host; see drive-ports.ts for when the guest asks for it.
 */
export class Disk {
  onload?: (event: object) => void
  private inTrouble = false
  private underWay = 0
  private onIdle?: () => void

  private constructor(
    private readonly fd: number,
    readonly byteLength: number,
    private readonly onTrouble: (error: Error) => void,
  ) {}

  /** Blocks written since `recordWrites` was called. */
  private written?: Set<number>

  /**
   * Opens the file, making it when missing; a file that is larger than `size` keeps its size. The drive can't report
   * an error to the guest, so a read or write that fails (a full host disk) is tried again every second until it works;
   * `onTrouble` hears of the first failure.
   */
  static async open(path: string, size: number, onTrouble: (error: Error) => void): Promise<Disk> {
    const fd = await openFile(path, 'a+', 0o600).then(async (created) => {
      await closeFile(created)
      return openFile(path, 'r+')
    })
    const present = (await stat(fd)).size
    if (present < size) await truncate(fd, size)
    return new Disk(fd, Math.max(present, size), onTrouble)
  }

  load(): void {
    this.onload?.({})
  }

  get(offset: number, length: number, callback: (data: Uint8Array) => void): void {
    this.underWay++
    const data = new Uint8Array(length)
    const attempt = () =>
      read(this.fd, data, 0, length, offset, (error) => {
        if (error) return this.again(error, attempt)
        callback(data)
        this.settle()
      })
    attempt()
  }

  /** Asked for the first sector once, before the PC starts. */
  get_and_cache(offset: number, length: number, callback: (data: Uint8Array) => void): void {
    this.get(offset, length, callback)
  }

  /** Nothing is kept: the host's page cache does that. */
  get_from_cache(): undefined {
    return undefined
  }

  set(offset: number, data: Uint8Array, callback: () => void): void {
    this.underWay++
    if (this.written) {
      for (let at = offset - (offset % blockSize); at < offset + data.length; at += blockSize)
        this.written.add(at / blockSize)
    }
    const attempt = (done: number) =>
      write(this.fd, data, done, data.length - done, offset + done, (error, written) => {
        if (error) return this.again(error, () => attempt(done))
        if (done + written < data.length) return attempt(done + written)
        callback()
        this.settle()
      })
    attempt(0)
  }

  /** Resolves when no command is under way. */
  async idle(): Promise<void> {
    while (this.underWay > 0) await new Promise<void>((resolve) => (this.onIdle = resolve))
  }

  private settle(): void {
    if (--this.underWay === 0) this.onIdle?.()
  }

  private again(error: Error, retry: () => void): void {
    if (!this.inTrouble) this.onTrouble(error)
    this.inTrouble = true
    setTimeout(retry, 1000)
  }

  /** From now on, remembers what is written for `template`. */
  recordWrites(): void {
    this.written = new Set()
  }

  /** All that was written, zeros left out: blocks of 4 KiB, each after its number (u32 LE). See `createFrom`. */
  async template(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (const block of this.written ?? []) {
      const data = Buffer.alloc(4 + blockSize)
      data.writeUInt32LE(block)
      await readFile(this.fd, data, 4, blockSize, block * blockSize)
      if (data.some((byte, index) => index >= 4 && byte !== 0)) parts.push(data)
    }
    return Buffer.concat(parts)
  }

  async flush(): Promise<void> {
    await sync(this.fd)
  }

  get_buffer(callback: (buffer?: ArrayBuffer) => void): void {
    callback()
  }

  get_state(): number[] {
    return []
  }

  set_state(): void {
    // The disk's content is no part of a snapshot.
  }
}
