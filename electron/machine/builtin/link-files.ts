import type { Socket } from 'node:net'
import { errno, type P9Files, type P9Handle } from './p9'

/** Bytes from the host that may wait for the guest to read them before the host is asked to stop sending. */
const readAhead = 1024 * 1024

/** One time that the agent has its pair of files open, and the host's connection that belongs to it. */
class Session {
  host?: Socket
  ended = false
  rx?: RxHandle
  tx?: TxHandle

  get open(): boolean {
    return this.rx !== undefined && this.tx !== undefined && !this.ended
  }

  attach(host: Socket): void {
    this.host = host
    host.on('data', (chunk: Buffer) => this.rx!.push(chunk))
    host.on('drain', () => this.tx!.flush())
    host.on('error', () => this.end())
    host.on('end', () => this.end())
    host.on('close', () => this.end())
    this.tx!.flush()
  }

  /** Either side is gone: the guest reads end of file and gets EPIPE, the host gets what is under way and is closed. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.host?.destroySoon()
    this.rx?.flush()
    this.tx?.flush()
  }
}

/** The guest's read side: bytes from the host, end of file when the session has ended. */
class RxHandle implements P9Handle {
  private readonly queue: Buffer[] = []
  private queued = 0
  private waiting?: { count: number; done: (data: Uint8Array) => void }

  constructor(private readonly session: Session) {}

  push(chunk: Buffer): void {
    this.queue.push(chunk)
    this.queued += chunk.length
    if (this.queued >= readAhead) this.session.host!.pause()
    this.flush()
  }

  read(count: number, done: (data: Uint8Array) => void): () => void {
    this.waiting = { count, done }
    this.flush()
    return () => (this.waiting = undefined)
  }

  flush(): void {
    if (!this.waiting || (this.queued === 0 && !this.session.ended)) return
    const { count, done } = this.waiting
    this.waiting = undefined
    done(this.take(count))
    if (this.queued < readAhead && this.session.host?.isPaused()) this.session.host.resume()
  }

  close(): void {
    this.session.end()
  }

  private take(count: number): Uint8Array {
    const parts: Buffer[] = []
    let room = count
    while (room > 0 && this.queue.length > 0) {
      const head = this.queue[0]!
      if (head.length <= room) this.queue.shift()
      else this.queue[0] = head.subarray(room)
      parts.push(head.subarray(0, room))
      room -= Math.min(room, head.length)
    }
    this.queued -= count - room
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }
}

/** The guest's write side; a write is answered when the host has room again. */
class TxHandle implements P9Handle {
  private waiting?: { data: Uint8Array; done: (result: { taken: number } | { errno: number }) => void }

  constructor(private readonly session: Session) {}

  write(data: Uint8Array, done: (result: { taken: number } | { errno: number }) => void): () => void {
    this.waiting = { data, done }
    this.flush()
    return () => (this.waiting = undefined)
  }

  flush(): void {
    if (!this.waiting) return
    const { data, done } = this.waiting
    const { host, ended } = this.session
    if (!ended && (!host || host.writableNeedDrain)) return
    this.waiting = undefined
    if (ended) return done({ errno: errno.EPIPE })
    host!.write(data)
    done({ taken: data.length })
  }

  close(): void {
    this.session.end()
  }
}

/**
 * The agent's link as a pair of files, `rx` (the guest reads) and `tx` (the guest writes). The guest opens both for one
 * session; when either side closes, the session is over and the guest opens them anew. The guest must open `rx` with
 * O_NONBLOCK: only then does Linux's 9p client answer a read with what there is instead of filling the whole buffer.
 */
export class LinkFiles {
  readonly files: P9Files
  private session = new Session()
  private waitingHost?: Socket
  private resting = false
  private readonly onOpen: () => void

  /** `onOpen` is called each time the agent has both files open. */
  constructor(onOpen: () => void) {
    this.onOpen = onOpen
    this.files = {
      rx: { mode: 0o400, open: () => this.open('rx', (session) => (session.rx = new RxHandle(session))) },
      tx: { mode: 0o200, open: () => this.open('tx', (session) => (session.tx = new TxHandle(session))) },
    }
  }

  /** Hands the link over to a new connection of the host's; one that was there before is closed. */
  accept(host: Socket): void {
    this.waitingHost?.destroy()
    this.waitingHost = host
    host.once('close', () => {
      if (this.waitingHost === host) this.waitingHost = undefined
    })
    if (this.session.host) this.session.end()
    this.match()
  }

  /** Ends the session and lets the guest open no other until `wake`: it asks again and again. */
  rest(): void {
    this.resting = true
    this.session.end()
  }

  wake(): void {
    this.resting = false
  }

  private open<H extends P9Handle>(side: 'rx' | 'tx', make: (session: Session) => H): H {
    if (this.resting) throw new Error('the link rests')
    if (this.session.ended || this.session[side]) {
      this.session.end()
      this.session = new Session()
    }
    const handle = make(this.session)
    if (this.session.open) this.onOpen()
    this.match()
    return handle
  }

  private match(): void {
    if (!this.waitingHost || !this.session.open || this.session.host) return
    const host = this.waitingHost
    this.waitingHost = undefined
    this.session.attach(host)
  }
}
