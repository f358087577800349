import { close, fdatasync, open, read, write, ftruncate, fstat } from 'node:fs'
import { promisify } from 'node:util'

const openFile = promisify(open)
const truncate = promisify(ftruncate)
const stat = promisify(fstat)
const sync = promisify(fdatasync)
const closeFile = promisify(close)

/**
 * The data disk: a sparse file of the host's behind v86's IDE drive (the buffer object that its `hda` option takes).
 * The drive has one command under way at a time and answers it when the callback is called, so writes are in order, and
 * a write that the guest knows to be done is in the host's page cache: it survives the end of this process. `flush`
 * makes it survive the end of the host; see `watchFlush` in pc.ts for when the guest asks for it.
 */
export class Disk {
  onload?: (event: object) => void
  private inTrouble = false

  private constructor(
    private readonly fd: number,
    readonly byteLength: number,
    private readonly onTrouble: (error: Error) => void,
  ) {}

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
    const data = new Uint8Array(length)
    read(this.fd, data, 0, length, offset, (error) => {
      if (error) this.again(error, () => this.get(offset, length, callback))
      else callback(data)
    })
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
    write(this.fd, data, 0, data.length, offset, (error, written) => {
      if (error) this.again(error, () => this.set(offset, data, callback))
      else if (written < data.length) this.set(offset + written, data.subarray(written), callback)
      else callback()
    })
  }

  private again(error: Error, retry: () => void): void {
    if (!this.inTrouble) this.onTrouble(error)
    this.inTrouble = true
    setTimeout(retry, 1000)
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
