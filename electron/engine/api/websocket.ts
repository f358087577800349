import { createHash } from 'node:crypto'
import { Duplex } from 'node:stream'
import { EngineError } from '../errors'

/** RFC 6455, section 1.3. */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10]
const maxMessage = 16 * 1024 * 1024

/** The headers that accept a client's handshake. Throws 'invalid' when it is none. */
export function handshake(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const key = headers['sec-websocket-key']
  if (typeof key !== 'string' || String(headers.upgrade).toLowerCase() !== 'websocket') {
    throw new EngineError('invalid', 'websocket: the client is not using the websocket protocol')
  }
  const accept = createHash('sha1').update(`${key}${magic}`).digest('base64')
  return { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Accept': accept }
}

/** The server's end of a WebSocket: the bytes of all messages are read, each write is a binary message. */
export class WebSocketStream extends Duplex {
  private rest = Buffer.alloc(0)

  constructor(private readonly socket: Duplex) {
    super()
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  override _read(): void {
    this.socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.send(BINARY, chunk)) done()
    else this.socket.once('drain', () => done())
  }

  override _final(done: () => void): void {
    this.send(CLOSE, Buffer.from([0x03, 0xe8]))
    this.socket.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy()
    done(error)
  }

  private send(opcode: number, payload: Buffer): boolean {
    if (this.socket.destroyed) return true
    const { length } = payload
    const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
    head[0] = 0x80 | opcode
    if (length < 126) head[1] = length
    else if (length < 65_536) {
      head[1] = 126
      head.writeUInt16BE(length, 2)
    } else {
      head[1] = 127
      head.writeBigUInt64BE(BigInt(length), 2)
    }
    return this.socket.write(Buffer.concat([head, payload]))
  }

  private receive(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk])
    for (let frame = parse(this.rest); frame; frame = parse(this.rest)) {
      this.rest = this.rest.subarray(frame.size)
      if (frame.opcode === CLOSE) this.push(null)
      else if (frame.opcode === PING) this.send(PONG, frame.payload)
      else if ([CONTINUATION, TEXT, BINARY].includes(frame.opcode) && !this.push(frame.payload)) this.socket.pause()
    }
    if (this.rest.length > maxMessage) this.destroy(new Error('a WebSocket message is too long'))
  }
}

/** The first frame of some bytes, undefined while it is not whole. A client masks what it sends. */
function parse(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes[1]! & 0x7f
  const masked = (bytes[1]! & 0x80) !== 0
  const lengthEnd = short === 126 ? 4 : short === 127 ? 10 : 2
  const start = lengthEnd + (masked ? 4 : 0)
  if (bytes.length < start) return undefined
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  if (bytes.length < start + length) return undefined
  const payload = Buffer.from(bytes.subarray(start, start + length))
  if (masked) for (let i = 0; i < length; i++) payload[i]! ^= bytes[lengthEnd + (i % 4)]!
  return { opcode: bytes[0]! & 0x0f, payload, size: start + length }
}
