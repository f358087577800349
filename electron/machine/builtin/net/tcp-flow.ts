import type { Socket } from 'node:net'
import { tcpFlags, type TcpSegment } from './packets'

/** Most bytes of a connection on their way to the guest, and most that wait in the host's socket. */
const window = 256 * 1024
/** Our window is announced in units of 2^3 bytes, so that `window` fits the header's 16 bits. */
const windowScale = 3
const mss = 1460
const smallestTimeout = 250
const retries = 8

type Outgoing = Omit<TcpSegment, 'sourcePort' | 'destinationPort'>

/**
 * One TCP connection that the guest has opened, spliced to a socket of the host's (with allowHalfOpen). This is the far
 * end of RFC 9293 as seen by the guest. The wire between us is a ring in memory: it keeps order, and loses a segment
 * only when the guest has no receive buffer left, so going back to the last acknowledged byte after a timeout will do.
 */
export class TcpFlow {
  private open = false
  private synAcknowledged = false
  /** Undefined when the guest does not scale windows; then we don't either (RFC 7323, 2.2). */
  private readonly guestScale?: number
  private readonly segmentSize: number
  /** Next byte expected from the guest. */
  private expected: number
  /** First byte that the guest has not acknowledged, and the next to send. */
  private unacknowledged = (Math.random() * 2 ** 32) >>> 0
  private next = this.unacknowledged
  private guestWindow = 0
  /** Bytes from the host, the first of them at `unacknowledged`. */
  private queue = Buffer.alloc(0)
  private hostEnded = false
  private finSent = false
  private guestEnded = false
  private announcedFull = false
  private timer?: NodeJS.Timeout
  private timeouts = 0

  /** `send` takes segments for the guest; `over` is called once when nothing more is to come. */
  constructor(
    syn: TcpSegment,
    private readonly socket: Socket,
    private readonly send: (segment: Outgoing) => void,
    private readonly over: () => void,
  ) {
    this.expected = (syn.sequence + 1) >>> 0
    this.guestScale = syn.windowScale
    this.segmentSize = Math.min(syn.mss ?? 536, mss)
    this.guestWindow = syn.window
    socket.on('connect', () => {
      this.open = true
      this.emitSyn()
      this.arm()
    })
    socket.on('data', (chunk) => this.fromHost(chunk))
    socket.on('end', () => {
      this.hostEnded = true
      this.push()
    })
    socket.on('drain', () => this.announcedFull && this.acknowledge())
    socket.on('error', () => this.reset())
    socket.on('close', () => this.finishIfDone())
  }

  receive(segment: TcpSegment): void {
    if (segment.flags & tcpFlags.rst) return this.drop()
    if (!this.open) return
    if (segment.flags & tcpFlags.syn) return this.emit({ flags: tcpFlags.ack })
    if (segment.flags & tcpFlags.ack) this.takeAcknowledgment(segment)
    this.takeData(segment)
    this.push()
    this.finishIfDone()
  }

  /** Ends the connection at once on both sides. */
  reset(): void {
    this.emit({ flags: tcpFlags.rst | tcpFlags.ack })
    this.drop()
  }

  private drop(): void {
    clearTimeout(this.timer)
    this.socket.destroy()
    this.over()
  }

  private takeAcknowledgment(segment: TcpSegment): void {
    this.guestWindow = segment.window << (this.guestScale ?? 0)
    // A guest that answers is there, even if it takes nothing: it is asked again, though no longer ever more rarely.
    this.timeouts = Math.min(this.timeouts, 4)
    const acknowledged = distance(this.unacknowledged, segment.acknowledgment)
    if (acknowledged <= 0 || acknowledged > distance(this.unacknowledged, this.next)) return
    // Of what is acknowledged, the SYN before the first byte and the FIN after the last are no bytes of the queue.
    this.queue = this.queue.subarray(Math.min(acknowledged - (this.synAcknowledged ? 0 : 1), this.queue.length))
    this.synAcknowledged = true
    this.unacknowledged = segment.acknowledgment
    this.timeouts = 0
    if (this.queue.length < window && this.socket.isPaused()) this.socket.resume()
    this.arm()
  }

  private takeData(segment: TcpSegment): void {
    const old = distance(segment.sequence, this.expected)
    const length = segment.payload.length
    const fin = (segment.flags & tcpFlags.fin) !== 0
    if (length === 0 && !fin && old === 0) return
    if (old >= 0 && old <= length && !this.guestEnded) {
      if (old < length) this.socket.write(segment.payload.subarray(old))
      this.expected = (segment.sequence + length + (fin ? 1 : 0)) >>> 0
      if (fin) {
        this.guestEnded = true
        this.socket.end()
      }
    }
    this.acknowledge()
  }

  private fromHost(chunk: Buffer): void {
    this.queue = Buffer.concat([this.queue, chunk])
    if (this.queue.length >= window) this.socket.pause()
    this.push()
  }

  /** Sends what the guest's window has room for, then the FIN. */
  private push(): void {
    if (!this.synAcknowledged || this.finSent) return
    const limit = Math.min(this.queue.length, this.guestWindow, window)
    let sent = distance(this.unacknowledged, this.next)
    while (sent < limit) {
      const payload = this.queue.subarray(sent, Math.min(sent + this.segmentSize, limit))
      this.emit({ flags: tcpFlags.ack | tcpFlags.psh, payload })
      sent += payload.length
      this.next = (this.next + payload.length) >>> 0
    }
    if (this.hostEnded && sent === this.queue.length) {
      this.emit({ flags: tcpFlags.fin | tcpFlags.ack })
      this.next = (this.next + 1) >>> 0
      this.finSent = true
    }
    if (!this.timer) this.arm()
  }

  /** Runs the timer while something is on its way, or waits for a window of the guest's that has closed. */
  private arm(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.unacknowledged === this.next && this.queue.length === 0) return
    this.timer = setTimeout(() => this.retransmit(), smallestTimeout * 2 ** this.timeouts)
  }

  private retransmit(): void {
    if (this.timeouts++ === retries) return this.reset()
    if (!this.synAcknowledged) {
      this.emitSyn()
    } else {
      this.next = this.unacknowledged
      this.finSent = false
      // A closed window is probed with one byte (RFC 9293, 3.8.6.1).
      this.guestWindow = Math.max(this.guestWindow, 1)
      this.push()
    }
    this.arm()
  }

  private emitSyn(): void {
    this.next = this.unacknowledged
    this.emit({
      flags: tcpFlags.syn | tcpFlags.ack,
      mss,
      windowScale: this.guestScale === undefined ? undefined : windowScale,
    })
    this.next = (this.unacknowledged + 1) >>> 0
  }

  private acknowledge(): void {
    this.emit({ flags: tcpFlags.ack })
  }

  private emit(segment: Partial<Outgoing> & { flags: number }): void {
    const room = Math.max(0, window - this.socket.writableLength)
    this.announcedFull = room < window / 2
    this.send({
      sequence: this.next,
      acknowledgment: this.expected,
      window: Math.min(
        0xffff,
        segment.flags & tcpFlags.syn || this.guestScale === undefined ? room : room >> windowScale,
      ),
      payload: new Uint8Array(0),
      ...segment,
    })
  }

  private finishIfDone(): void {
    const sentAll = this.finSent && this.unacknowledged === this.next
    if (this.guestEnded && sentAll) this.drop()
  }
}

/** How far `to` is ahead of `from` in the sequence space modulo 2^32; negative when it is behind. */
function distance(from: number, to: number): number {
  return (to - from) | 0
}
