import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { framing } from './contract'
import { Link } from './link'

/** Two ends of one byte stream. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = []
  for (const other of [1, 0]) {
    ends.push(
      new Duplex({
        read: () => undefined,
        write(chunk, _encoding, done) {
          // Cut at odd places, as a socket does.
          const half = Math.ceil(chunk.length / 2)
          ends[other]!.push(chunk.subarray(0, half))
          if (half < chunk.length) ends[other]!.push(chunk.subarray(half))
          setImmediate(done)
        },
        final(done) {
          ends[other]!.push(null)
          done()
        },
      }),
    )
  }
  return [ends[0]!, ends[1]!]
}

/** A peer that speaks frames by hand. */
class Peer {
  frames: { id: number; type: number; payload: Buffer }[] = []
  private buffer = Buffer.alloc(0)
  constructor(private readonly end: Duplex) {
    end.on('data', (chunk: Buffer) => {
      this.buffer = Buffer.concat([this.buffer, chunk])
      while (this.buffer.length >= 8) {
        const length = this.buffer.readUIntBE(5, 3)
        if (this.buffer.length < 8 + length) return
        this.frames.push({
          id: this.buffer.readUInt32BE(0),
          type: this.buffer[4]!,
          payload: this.buffer.subarray(8, 8 + length),
        })
        this.buffer = this.buffer.subarray(8 + length)
      }
    })
  }
  send(id: number, type: number, payload: string | Buffer = ''): void {
    const body = Buffer.from(payload as string)
    const header = Buffer.alloc(8)
    header.writeUInt32BE(id, 0)
    header.writeUInt32BE(body.length, 4)
    header[4] = type
    this.end.write(Buffer.concat([header, body]))
  }
  async next(type: number): Promise<{ id: number; payload: Buffer }> {
    for (;;) {
      const at = this.frames.findIndex((frame) => frame.type === type)
      if (at >= 0) return this.frames.splice(at, 1)[0]!
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

const { types } = framing

function connected(answers = {}): { link: Link; peer: Peer; far: Duplex } {
  const [near, far] = pair()
  return { link: new Link(near, answers), peer: new Peer(far), far }
}

test('a call sends OPEN with the op and resolves with the reply', async () => {
  const { link, peer } = connected()
  const reply = link.call('volume.create', { name: 'data' })
  const opened = await peer.next(types.OPEN)
  expect(JSON.parse(opened.payload.toString())).toEqual({ op: 'volume.create', name: 'data' })
  expect(opened.id % 2).toBe(1)
  peer.send(opened.id, types.REPLY, '{"ok":{"mountpoint":"/v"}}')
  expect(await reply).toEqual({ mountpoint: '/v' })
})

test('an error reply rejects with its kind and message', async () => {
  const { link, peer } = connected()
  const reply = link.call('container.pause', { id: 'x' })
  const opened = await peer.next(types.OPEN)
  peer.send(opened.id, types.REPLY, '{"error":{"kind":"conflict","message":"not running"}}')
  await expect(reply).rejects.toMatchObject({ kind: 'conflict', message: 'not running' })
})

test('a sender stops at its window and goes on when it is granted', async () => {
  const { link, peer } = connected()
  const stream = link.open('layer.apply', { id: '0', parents: [] })
  const { id } = await peer.next(types.OPEN)
  const whole = Buffer.alloc(framing.window * 2, 7)
  stream.end(whole)
  let got = 0
  const drain = async (until: number) => {
    while (got < until) got += (await peer.next(types.DATA)).payload.length
  }
  await drain(framing.window)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(peer.frames.filter((frame) => frame.type === types.DATA)).toEqual([])
  const grant = Buffer.alloc(4)
  grant.writeUInt32BE(framing.window)
  peer.send(id, types.WINDOW, grant)
  await drain(whole.length)
  expect(got).toBe(whole.length)
  await peer.next(types.END)
  peer.send(id, types.REPLY, '{"ok":{"size":1}}')
  expect(await stream.reply).toEqual({ size: 1 })
})

test('a reader grants what it has taken, and a slow one nothing', async () => {
  const { link, peer } = connected()
  const stream = link.open('container.export', { root: { id: 'a', layers: [] } })
  const { id } = await peer.next(types.OPEN)
  peer.send(id, types.REPLY, '{"ok":{}}')
  for (let sent = 0; sent < framing.window; sent += framing.maxData) {
    peer.send(id, types.DATA, Buffer.alloc(framing.maxData))
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  const early = peer.frames.filter((frame) => frame.type === types.WINDOW)
  const granted = early.reduce((sum, frame) => sum + frame.payload.readUInt32BE(0), 0)
  expect(granted).toBeLessThan(framing.window)
  peer.send(id, types.END)
  let read = 0
  for await (const chunk of stream) read += (chunk as Buffer).length
  expect(read).toBe(framing.window)
})

test('what the agent opens is answered, unknown ops with unsupported', async () => {
  const { peer } = connected({ dns: async (request: { message: string }) => ({ message: request.message }) })
  peer.send(2, types.OPEN, '{"op":"dns","bridge":"b","client":"c","message":"AA"}')
  expect(JSON.parse((await peer.next(types.REPLY)).payload.toString())).toEqual({ ok: { message: 'AA' } })
  peer.send(4, types.OPEN, '{"op":"nosuch"}')
  expect(JSON.parse((await peer.next(types.REPLY)).payload.toString())).toMatchObject({
    error: { kind: 'unsupported' },
  })
})

test('a lost transport fails calls and streams', async () => {
  const { link, peer, far } = connected()
  const reply = link.call('sync', {})
  await peer.next(types.OPEN)
  far.end()
  await expect(reply).rejects.toMatchObject({ kind: 'unavailable' })
  await link.closed
  await expect(link.call('sync', {})).rejects.toMatchObject({ kind: 'unavailable' })
})
