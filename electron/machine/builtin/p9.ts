/**
 * A 9P2000.L server for one flat folder of files whose reads and writes may take as long as they like, which is what
 * makes a file usable as one direction of a stream. Message layouts: linux/include/net/9p/9p.h and the protocol's
 * description in diod's protocol.md. Only what the Linux client sends for such files is served.
 */

/** What opening a file gives, one for each open in the guest; what it lacks fails with EBADF. */
export interface P9Handle {
  /**
   * Takes up to `count` bytes; an empty array is end of file. `done` may be called later, and is not called once the
   * returned function has been called (the guest gave up waiting).
   */
  read?(count: number, done: (data: Uint8Array) => void): () => void
  /** `done` gets the number of bytes taken or an error number; cancelled as a read is. */
  write?(data: Uint8Array, done: (result: { taken: number } | { errno: number }) => void): () => void
  close(): void
}

export type P9Files = Record<string, { mode: number; open: () => P9Handle }>

/** What a server knows of its client while no file is open: the name of each fid, null for the folder itself. */
export type P9State = [fid: number, name: string | null][]

/** Linux's error numbers that the server answers with. */
export const errno = { ENOENT: 2, EINTR: 4, EIO: 5, EBADF: 9, ENOTDIR: 20, EPIPE: 32, EOPNOTSUPP: 95 } as const

const enum T {
  Rlerror = 7,
  statfs = 8,
  lopen = 12,
  getattr = 24,
  setattr = 26,
  xattrwalk = 30,
  readdir = 40,
  fsync = 50,
  version = 100,
  attach = 104,
  flush = 108,
  walk = 110,
  read = 116,
  write = 118,
  clunk = 120,
}

const headerLength = 7
const qidLength = 13
const directoryMode = 0o040555
const regularFile = 0o100000
const getattrBasic = 0x7ffn

interface Fid {
  /** Undefined for the folder itself. */
  name?: string
  handle?: P9Handle
}

class Failure extends Error {
  constructor(readonly errno: number) {
    super(`errno ${errno}`)
  }
}

/** One mount's worth of server; `receive` takes a whole T-message and calls `reply` once with the whole R-message. */
export class P9Server {
  private readonly fids = new Map<number, Fid>()
  private readonly pending = new Map<number, () => void>()
  private readonly names: string[]

  constructor(
    private readonly files: P9Files,
    private readonly maxMessage = 512 * 1024,
  ) {
    this.names = Object.keys(files)
  }

  /** Undefined while a request waits or a file is open. */
  get state(): P9State | undefined {
    const fids = [...this.fids]
    if (this.pending.size > 0 || fids.some(([, { handle }]) => handle)) return undefined
    return fids.map(([number, { name }]) => [number, name ?? null])
  }

  /** Goes on with a client that was another server's. */
  restore(state: P9State): void {
    for (const [number, name] of state) this.fids.set(number, name === null ? {} : { name })
  }

  receive(message: Uint8Array, reply: (message: Uint8Array) => void): void {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
    const type = view.getUint8(4)
    const tag = view.getUint16(5, true)
    const answer = (body: Uint8Array) => reply(frame(type + 1, tag, body))
    const fail = (code: number) => reply(frame(T.Rlerror, tag, words(code)))
    try {
      switch (type) {
        case T.read:
          this.read(view, tag, answer, fail)
          break
        case T.write:
          this.write(message, view, tag, answer, fail)
          break
        case T.flush:
          this.pending.get(view.getUint16(7, true))?.()
          answer(new Uint8Array(0))
          break
        default:
          answer(this.immediate(type, message, view))
      }
    } catch (error) {
      fail(error instanceof Failure ? error.errno : errno.EIO)
    }
  }

  private immediate(type: number, message: Uint8Array, view: DataView): Uint8Array {
    switch (type) {
      case T.version:
        return this.version(message, view)
      case T.attach:
        this.fids.set(view.getUint32(7, true), {})
        return this.qid()
      case T.walk:
        return this.walk(message, view)
      case T.lopen:
        return this.open(view)
      case T.getattr:
        return this.getattr(view)
      case T.statfs:
        return this.statfs()
      case T.readdir:
        return this.readdir(view)
      case T.setattr:
      case T.fsync:
        return new Uint8Array(0)
      case T.clunk:
        return this.clunk(view)
      default:
        throw new Failure(errno.EOPNOTSUPP)
    }
  }

  private version(message: Uint8Array, view: DataView): Uint8Array {
    for (const cancel of [...this.pending.values()]) cancel()
    for (const fid of this.fids.values()) fid.handle?.close()
    this.fids.clear()
    const wanted = text(message, view, 11)
    const version = new TextEncoder().encode(wanted === '9P2000.L' ? wanted : 'unknown')
    const body = new Uint8Array(6 + version.length)
    const out = new DataView(body.buffer)
    out.setUint32(0, Math.min(view.getUint32(7, true), this.maxMessage), true)
    out.setUint16(4, version.length, true)
    body.set(version, 6)
    return body
  }

  private walk(message: Uint8Array, view: DataView): Uint8Array {
    const from = this.fid(view.getUint32(7, true))
    const steps = view.getUint16(15, true)
    let name = from.name
    let offset = 17
    const body = new Uint8Array(2 + steps * qidLength)
    for (let step = 0; step < steps; step++) {
      if (name !== undefined) throw new Failure(errno.ENOTDIR)
      const next = text(message, view, offset)
      offset += 2 + view.getUint16(offset, true)
      if (next !== '..' && !(next in this.files)) throw new Failure(errno.ENOENT)
      if (next !== '..') name = next
      body.set(this.qid(name), 2 + step * qidLength)
    }
    new DataView(body.buffer).setUint16(0, steps, true)
    this.fids.set(view.getUint32(11, true), { name })
    return body
  }

  private open(view: DataView): Uint8Array {
    const fid = this.fid(view.getUint32(7, true))
    if (fid.name !== undefined) fid.handle = this.files[fid.name]!.open()
    const body = new Uint8Array(qidLength + 4)
    body.set(this.qid(fid.name))
    return body
  }

  private read(view: DataView, tag: number, answer: (body: Uint8Array) => void, fail: (code: number) => void): void {
    const handle = this.handle(view)
    if (!handle.read) throw new Failure(errno.EBADF)
    const count = Math.min(view.getUint32(19, true), this.maxMessage - headerLength - 4)
    this.waiting(tag, fail, (settle) =>
      handle.read!(count, (data) => {
        settle()
        const body = new Uint8Array(4 + data.length)
        new DataView(body.buffer).setUint32(0, data.length, true)
        body.set(data, 4)
        answer(body)
      }),
    )
  }

  private write(
    message: Uint8Array,
    view: DataView,
    tag: number,
    answer: (body: Uint8Array) => void,
    fail: (code: number) => void,
  ): void {
    const handle = this.handle(view)
    if (!handle.write) throw new Failure(errno.EBADF)
    const data = message.subarray(23, 23 + view.getUint32(19, true))
    this.waiting(tag, fail, (settle) =>
      handle.write!(data, (result) => {
        settle()
        if ('errno' in result) fail(result.errno)
        else answer(words(result.taken))
      }),
    )
  }

  /** Keeps a request that may be answered later, so that a Tflush can end it with EINTR. */
  private waiting(tag: number, fail: (code: number) => void, begin: (settle: () => void) => () => void): void {
    let settled = false
    const cancel = begin(() => {
      settled = true
      this.pending.delete(tag)
    })
    if (settled) return
    this.pending.set(tag, () => {
      this.pending.delete(tag)
      cancel()
      fail(errno.EINTR)
    })
  }

  private getattr(view: DataView): Uint8Array {
    const { name } = this.fid(view.getUint32(7, true))
    const body = new Uint8Array(8 + qidLength + 4 * 3 + 8 * 15)
    const out = new DataView(body.buffer)
    out.setBigUint64(0, getattrBasic, true)
    body.set(this.qid(name), 8)
    out.setUint32(21, name === undefined ? directoryMode : regularFile | this.files[name]!.mode, true)
    out.setBigUint64(33, 1n, true)
    out.setBigUint64(57, 4096n, true)
    return body
  }

  private statfs(): Uint8Array {
    const body = new Uint8Array(60)
    const out = new DataView(body.buffer)
    out.setUint32(0, 0x01021997, true)
    out.setUint32(4, 4096, true)
    out.setUint32(56, 255, true)
    return body
  }

  private readdir(view: DataView): Uint8Array {
    const offset = Number(view.getBigUint64(11, true))
    const entries = this.names.slice(offset).map((name, index) => {
      const bytes = new TextEncoder().encode(name)
      const entry = new Uint8Array(qidLength + 8 + 1 + 2 + bytes.length)
      const out = new DataView(entry.buffer)
      entry.set(this.qid(name))
      out.setBigUint64(qidLength, BigInt(offset + index + 1), true)
      out.setUint8(qidLength + 8, 8)
      out.setUint16(qidLength + 9, bytes.length, true)
      entry.set(bytes, qidLength + 11)
      return entry
    })
    const data = Buffer.concat(entries)
    return Buffer.concat([words(data.length), data])
  }

  private clunk(view: DataView): Uint8Array {
    const number = view.getUint32(7, true)
    const fid = this.fid(number)
    this.fids.delete(number)
    fid.handle?.close()
    return new Uint8Array(0)
  }

  private fid(number: number): Fid {
    const fid = this.fids.get(number)
    if (!fid) throw new Failure(errno.EBADF)
    return fid
  }

  private handle(view: DataView): P9Handle {
    const { handle } = this.fid(view.getUint32(7, true))
    if (!handle) throw new Failure(errno.EBADF)
    return handle
  }

  /** A qid: type u8 (0x80 is a folder), version u32, path u64. */
  private qid(name?: string): Uint8Array {
    const qid = new Uint8Array(qidLength)
    qid[0] = name === undefined ? 0x80 : 0
    qid[5] = name === undefined ? 0 : this.names.indexOf(name) + 1
    return qid
  }
}

function frame(type: number, tag: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(headerLength + body.length)
  const view = new DataView(message.buffer)
  view.setUint32(0, message.length, true)
  view.setUint8(4, type)
  view.setUint16(5, tag, true)
  message.set(body, headerLength)
  return message
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => view.setUint32(index * 4, value, true))
  return bytes
}

function text(message: Uint8Array, view: DataView, offset: number): string {
  const length = view.getUint16(offset, true)
  return new TextDecoder().decode(message.subarray(offset + 2, offset + 2 + length))
}
