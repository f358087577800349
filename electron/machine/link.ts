import { Duplex } from 'node:stream'
import { directions, framing, type GuestErrorKind, type Op, type Reply, type Request } from './contract'

const { OPEN, REPLY, DATA, END, RESET, WINDOW } = framing.types
const headerLength = 8
/** Bytes that may wait for the transport: its own mark is a fraction of one frame, so that each would wait for the last. */
const maxWaiting = 4 * framing.maxData

/** What the agent answered instead of a reply. */
export class GuestError extends Error {
  constructor(
    readonly kind: GuestErrorKind,
    message: string,
  ) {
    super(message)
    this.name = 'GuestError'
  }
}

/** Answers an op that the other side opens; what it throws goes back as an error reply. */
export type Answer = (request: unknown) => Promise<unknown>

/**
 * The engine's end of the stream multiplexer of resources/guest/contract.json ("framing") over one byte stream.
 * Opened streams are Duplexes with credit-based flow control each, so that a slow reader holds up nobody else.
 */
export class Link {
  /** Resolves when the transport has ended, with its error if there was one. Streams still open are destroyed. */
  readonly closed: Promise<Error | undefined>
  private settleClosed!: (failure: Error | undefined) => void
  private nextId = 1
  private readonly streams = new Map<number, LinkStream>()
  private readonly parser = new FrameParser((id, type, payload) => this.receive(id, type, payload))
  private drainWaiters: (() => void)[] = []
  private transport: Duplex | undefined
  private ended = false
  /** What waits for `release`, but for the streams that `openAhead` let through. */
  private held: { id: number; type: number; payload: Buffer }[] | undefined
  private readonly ahead = new Set<number>()

  /** Without a transport, what is opened waits for `attach` and `release`. */
  constructor(
    transport: Duplex | undefined,
    private readonly answers: Record<string, Answer> = {},
  ) {
    this.closed = new Promise((resolve) => (this.settleClosed = resolve))
    if (transport) this.attach(transport)
    else this.held = []
  }

  /** Gives the link its byte stream; what waits goes on waiting. */
  attach(transport: Duplex): void {
    if (this.ended) {
      transport.destroy()
      return
    }
    this.transport = transport
    let failure: Error | undefined
    transport.on('error', (error) => (failure = error))
    transport.on('close', () => this.end(failure))
    transport.on('data', (chunk: Buffer) => this.parser.push(chunk))
    transport.on('end', () => transport.destroy())
    transport.on('drain', () => {
      const waiters = this.drainWaiters
      this.drainWaiters = []
      for (const resume of waiters) resume()
    })
  }

  /** Lets go out what has waited. */
  release(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const { id, type, payload } of held) this.send(id, type, payload)
  }

  /** One request, one reply. Rejects with a GuestError, or with kind 'unavailable' when the link ends first. */
  call<O extends Op>(op: O, request: Request<O>): Promise<Reply<O>> {
    const stream = this.open(op, request)
    return stream.reply
  }

  /** Opens a stream; its `reply` comes from the other side and its bytes are the op's in and out. */
  open<O extends Op>(op: O, request: Request<O>): LinkStream<Reply<O>> {
    const id = this.nextId
    this.nextId += 2
    const stream = new LinkStream<Reply<O>>(this, id, directions(op))
    if (this.ended || this.transport?.destroyed) {
      stream.lost(undefined)
      return stream
    }
    this.streams.set(id, stream as LinkStream)
    this.send(id, OPEN, Buffer.from(JSON.stringify({ op, ...request })))
    return stream
  }

  /** As `open`, before all that waits for `release`. */
  openAhead<O extends Op>(op: O, request: Request<O>): LinkStream<Reply<O>> {
    this.ahead.add(this.nextId)
    return this.open(op, request)
  }

  /** How many streams opened here are not over. */
  get openStreams(): number {
    return this.streams.size
  }

  /** Ends the link; `cause` is what its streams fail with. */
  close(cause?: Error): void {
    if (this.transport) this.transport.destroy(cause)
    else this.end(cause)
  }

  /** @internal Writes one frame; false when the transport asks to wait (see `whenDrained`). */
  send(id: number, type: number, payload: Buffer): boolean {
    if (this.held && !this.ahead.has(id)) {
      this.held.push({ id, type, payload })
      return true
    }
    if (!this.transport || this.transport.destroyed) return true
    const header = Buffer.allocUnsafe(headerLength)
    header.writeUInt32BE(id, 0)
    header.writeUInt32BE(payload.length, 4)
    header[4] = type
    if (payload.length === 0) return this.transport.write(header)
    this.transport.cork()
    this.transport.write(header)
    const flowing = this.transport.write(payload)
    this.transport.uncork()
    return flowing || this.transport.writableLength < maxWaiting
  }

  /** @internal */
  whenDrained(resume: () => void): void {
    if (!this.transport || this.transport.destroyed) resume()
    else this.drainWaiters.push(resume)
  }

  /** @internal */
  forget(id: number): void {
    this.streams.delete(id)
  }

  private end(failure: Error | undefined): void {
    this.ended = true
    this.held = undefined
    for (const stream of this.streams.values()) stream.lost(failure)
    this.streams.clear()
    this.settleClosed(failure)
  }

  private receive(id: number, type: number, payload: Buffer): void {
    if (type === OPEN) {
      void this.answer(id, payload)
      return
    }
    const stream = this.streams.get(id)
    if (!stream) return
    if (type === DATA) stream.receiveData(payload)
    else if (type === END) stream.receiveEnd()
    else if (type === WINDOW) stream.receiveWindow(payload.readUInt32BE(0))
    else if (type === REPLY) stream.receiveReply(JSON.parse(payload.toString()) as ReplyMessage)
    else if (type === RESET) stream.receiveReset((JSON.parse(payload.toString()) as { message: string }).message)
  }

  private async answer(id: number, payload: Buffer): Promise<void> {
    const { op, ...request } = JSON.parse(payload.toString()) as { op: string }
    let reply: ReplyMessage
    try {
      const answer = this.answers[op]
      if (!answer) throw new GuestError('unsupported', `no such operation: ${op}`)
      reply = { ok: await answer(request) }
    } catch (error) {
      const kind = error instanceof GuestError ? error.kind : 'internal'
      reply = { error: { kind, message: (error as Error).message } }
    }
    this.send(id, REPLY, Buffer.from(JSON.stringify(reply)))
  }
}

type ReplyMessage = { ok: unknown } | { error: { kind: GuestErrorKind; message: string } }

/** One op's stream. Destroying it before its end resets it on the other side too. */
export class LinkStream<R = unknown> extends Duplex {
  readonly reply: Promise<R>
  private settle!: { resolve: (reply: R) => void; reject: (error: Error) => void }
  private replied = false
  private inEnded: boolean
  private outEnded: boolean
  private credit = framing.window
  private ungranted = 0
  private pending: { chunk: Buffer; done: (error?: Error | null) => void } | undefined

  constructor(
    private readonly link: Link,
    private readonly id: number,
    direction: { in: boolean; out: boolean },
  ) {
    super({ allowHalfOpen: true, readableHighWaterMark: framing.window / 2, writableHighWaterMark: maxWaiting })
    this.inEnded = !direction.in
    this.outEnded = !direction.out
    this.reply = new Promise((resolve, reject) => (this.settle = { resolve, reject }))
    // Who only wants the bytes need not handle the reply's failure: the stream is destroyed with it as well.
    this.reply.catch(() => undefined)
    if (this.inEnded) super.end()
    if (this.outEnded) this.push(null)
  }

  override _read(): void {
    this.grant()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.pending = { chunk, done }
    this.flush()
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.inEnded) {
      this.inEnded = true
      this.link.send(this.id, END, Buffer.alloc(0))
      this.finishIfOver()
    }
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.over()) {
      this.link.send(this.id, RESET, Buffer.from(JSON.stringify({ message: error?.message ?? 'closed' })))
      this.settle.reject(error ?? new GuestError('unavailable', 'the stream was closed'))
    }
    this.link.forget(this.id)
    this.pending?.done(error ?? new GuestError('unavailable', 'the stream was closed'))
    this.pending = undefined
    done(error)
  }

  /** @internal */
  receiveData(payload: Buffer): void {
    this.ungranted += payload.length
    if (this.push(payload) && this.ungranted >= framing.window / 4) this.grant()
  }

  /** @internal */
  receiveEnd(): void {
    if (this.outEnded) return
    this.outEnded = true
    this.push(null)
    this.finishIfOver()
  }

  /** @internal */
  receiveWindow(bytes: number): void {
    this.credit += bytes
    this.flush()
  }

  /** @internal */
  receiveReply(message: ReplyMessage): void {
    this.replied = true
    if ('error' in message) {
      const error = new GuestError(message.error.kind, message.error.message)
      this.inEnded = this.outEnded = true
      this.settle.reject(error)
      this.fail(error)
      return
    }
    this.settle.resolve(message.ok as R)
    this.finishIfOver()
  }

  /** @internal */
  receiveReset(message: string): void {
    const error = new GuestError('unavailable', message)
    this.replied = this.inEnded = this.outEnded = true
    this.settle.reject(error)
    this.fail(error)
  }

  /** @internal The transport is gone. */
  lost(cause: Error | undefined): void {
    if (cause instanceof GuestError) this.receiveReset(cause.message)
    else this.receiveReset(`the connection to the machine was lost${cause ? `: ${cause.message}` : ''}`)
  }

  private fail(error: Error): void {
    // A stream whose reply is awaited may have no 'error' listener; the reply carries the failure then.
    if (this.listenerCount('error') === 0) this.on('error', () => undefined)
    this.destroy(error)
  }

  private over(): boolean {
    return this.replied && this.inEnded && this.outEnded
  }

  private finishIfOver(): void {
    if (this.over()) this.link.forget(this.id)
  }

  private grant(): void {
    if (this.ungranted === 0 || this.outEnded) return
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32BE(this.ungranted, 0)
    this.ungranted = 0
    this.link.send(this.id, WINDOW, payload)
  }

  private flush(): void {
    while (this.pending && this.credit > 0) {
      const { chunk, done } = this.pending
      const piece = chunk.subarray(0, Math.min(chunk.length, this.credit, framing.maxData))
      this.credit -= piece.length
      const flowing = this.link.send(this.id, DATA, piece)
      if (piece.length < chunk.length) {
        this.pending.chunk = chunk.subarray(piece.length)
        continue
      }
      this.pending = undefined
      if (flowing) done()
      else this.link.whenDrained(() => done())
    }
  }
}

/** Cuts the byte stream into frames. DATA is handed on as it arrives, other payloads whole. */
class FrameParser {
  private readonly header = Buffer.alloc(headerLength)
  private headerFilled = 0
  private remaining = 0
  private parts: Buffer[] = []

  constructor(private readonly emit: (id: number, type: number, payload: Buffer) => void) {}

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.headerFilled < headerLength) {
        const copied = chunk.copy(this.header, this.headerFilled, at, at + headerLength - this.headerFilled)
        this.headerFilled += copied
        at += copied
        if (this.headerFilled < headerLength) return
        this.remaining = this.header.readUIntBE(5, 3)
        if (this.remaining === 0) this.deliver(Buffer.alloc(0))
        continue
      }
      const part = chunk.subarray(at, at + this.remaining)
      at += part.length
      this.remaining -= part.length
      if (this.header[4] === DATA) {
        this.emit(this.header.readUInt32BE(0), DATA, part)
        if (this.remaining === 0) this.headerFilled = 0
        continue
      }
      this.parts.push(part)
      if (this.remaining === 0) this.deliver(this.parts.length === 1 ? part : Buffer.concat(this.parts))
    }
  }

  private deliver(payload: Buffer): void {
    this.parts = []
    this.headerFilled = 0
    this.emit(this.header.readUInt32BE(0), this.header[4]!, payload)
  }
}
