import { describe, expect, it } from 'vitest'
import { errno, P9Server, type P9Handle } from './p9'

/** Says T-messages to a server and reads its R-messages. */
class Client {
  readonly replies: { type: number; tag: number; body: Buffer }[] = []
  server: P9Server

  constructor(open: () => P9Handle) {
    this.server = new P9Server({ rx: { mode: 0o400, open } }, 65536)
    this.say(100, 0xffff, u32(131072), string('9P2000.L'))
    this.say(104, 1, u32(0), u32(0xffffffff), string('root'), string('host9p'), u32(0))
  }

  say(type: number, tag: number, ...parts: Buffer[]): void {
    const body = Buffer.concat(parts)
    const message = Buffer.concat([u32(body.length + 7), Buffer.from([type]), u16(tag), body])
    this.server.receive(message, (reply) => {
      const bytes = Buffer.from(reply)
      expect(bytes.readUInt32LE(0)).toBe(bytes.length)
      this.replies.push({ type: bytes[4]!, tag: bytes.readUInt16LE(5), body: bytes.subarray(7) })
    })
  }

  /** Walks to rx as fid 1 and opens it. */
  openRx(): void {
    this.say(110, 1, u32(0), u32(1), u16(1), string('rx'))
    this.say(12, 1, u32(1), u32(0))
    this.replies.length = 0
  }
}

const u16 = (value: number) => Buffer.from([value & 255, value >> 8])
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: number) => Buffer.concat([u32(value), u32(0)])
const string = (text: string) => Buffer.concat([u16(text.length), Buffer.from(text)])
const read = (count: number) => [u32(1), u64(0), u32(count)] as const

/** A file whose reads wait until `give` is called. */
function slowFile() {
  const state = { waiting: undefined as ((data: Uint8Array) => void) | undefined, cancelled: 0, closed: 0 }
  const handle: P9Handle = {
    read: (_count, done) => {
      state.waiting = done
      return () => {
        state.waiting = undefined
        state.cancelled++
      }
    },
    close: () => state.closed++,
  }
  return { state, handle }
}

describe('P9Server', () => {
  it('agrees on the version and the smaller message size', () => {
    const client = new Client(() => slowFile().handle)
    expect(client.replies[0]!.type).toBe(101)
    expect(client.replies[0]!.body.readUInt32LE(0)).toBe(65536)
    expect(client.replies[0]!.body.subarray(6).toString()).toBe('9P2000.L')
    expect(client.replies[1]).toMatchObject({ type: 105, tag: 1 })
  })

  it('walks only to files that are there', () => {
    const client = new Client(() => slowFile().handle)
    client.say(110, 3, u32(0), u32(1), u16(1), string('no'))
    expect(client.replies.at(-1)).toMatchObject({ type: 7, tag: 3, body: u32(errno.ENOENT) })
    client.say(110, 4, u32(0), u32(1), u16(1), string('rx'))
    expect(client.replies.at(-1)).toMatchObject({ type: 111, tag: 4 })
  })

  it('answers a read when there is something, other requests meanwhile', () => {
    const { state, handle } = slowFile()
    const client = new Client(() => handle)
    client.openRx()
    client.say(116, 5, ...read(100))
    client.say(24, 6, u32(1), u64(0x7ff))
    expect(client.replies.map((reply) => [reply.type, reply.tag])).toEqual([[25, 6]])
    state.waiting!(Buffer.from('hello'))
    expect(client.replies[1]).toMatchObject({ type: 117, tag: 5, body: Buffer.concat([u32(5), Buffer.from('hello')]) })
  })

  it('ends a waiting read with EINTR when it is flushed, before it answers the flush', () => {
    const { state, handle } = slowFile()
    const client = new Client(() => handle)
    client.openRx()
    client.say(116, 5, ...read(100))
    client.say(108, 6, u16(5))
    expect(client.replies).toMatchObject([
      { type: 7, tag: 5, body: u32(errno.EINTR) },
      { type: 109, tag: 6 },
    ])
    expect(state).toMatchObject({ cancelled: 1, waiting: undefined })
  })

  it('refuses to write what can only be read', () => {
    const client = new Client(() => slowFile().handle)
    client.openRx()
    client.say(118, 5, u32(1), u64(0), u32(2), Buffer.from('ab'))
    expect(client.replies).toMatchObject([{ type: 7, tag: 5, body: u32(errno.EBADF) }])
  })

  it('closes a file when its fid is clunked', () => {
    const { state, handle } = slowFile()
    const client = new Client(() => handle)
    client.openRx()
    client.say(120, 5, u32(1))
    expect(state.closed).toBe(1)
    client.say(116, 6, ...read(1))
    expect(client.replies.at(-1)).toMatchObject({ type: 7, tag: 6, body: u32(errno.EBADF) })
  })

  it('lets another server go on with its client while no file is open', () => {
    const before = new Client(() => slowFile().handle)
    before.openRx()
    expect(before.server.state).toBeUndefined()
    before.say(120, 1, u32(1))
    expect(before.server.state).toEqual([[0, null]])

    const after = new P9Server({ rx: { mode: 0o400, open: () => slowFile().handle } }, 65536)
    after.restore(before.server.state!)
    before.server = after
    before.openRx()
    expect(after.state).toBeUndefined()
  })
})
