import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LinkFiles } from './link-files'
import { errno, type P9Handle } from './p9'

let dir: string
let server: Server
let link: LinkFiles
let opened: number

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-link-'))
  opened = 0
  link = new LinkFiles(() => opened++)
  server = createServer((socket) => link.accept(socket)).listen(join(dir, 's'))
  await once(server, 'listening')
})

afterEach(async () => {
  server.close()
  await rm(dir, { recursive: true })
})

async function host(): Promise<Socket> {
  const socket = connect(join(dir, 's'))
  await once(socket, 'connect')
  return socket
}

const openBoth = (): [P9Handle, P9Handle] => [link.files.rx!.open(), link.files.tx!.open()]
const read = (rx: P9Handle, count = 65536) =>
  new Promise<string>((resolve) => rx.read!(count, (data) => resolve(Buffer.from(data).toString())))
const write = (tx: P9Handle, text: string) => new Promise((resolve) => tx.write!(Buffer.from(text), resolve))

describe('LinkFiles', () => {
  it('carries bytes both ways, a read getting what there is', async () => {
    const socket = await host()
    const [rx, tx] = openBoth()
    expect(opened).toBe(1)
    const waiting = read(rx)
    socket.write('to the guest')
    expect(await waiting).toBe('to the guest')
    expect(await write(tx, 'to the host')).toEqual({ taken: 11 })
    expect(String((await once(socket, 'data'))[0])).toBe('to the host')
    socket.destroy()
  })

  it('splits what is more than a read asks for', async () => {
    const socket = await host()
    const [rx] = openBoth()
    socket.write('abcdef')
    expect(await read(rx, 4)).toBe('abcd')
    expect(await read(rx, 4)).toBe('ef')
    socket.destroy()
  })

  it('keeps a write of the guest until a host is there', async () => {
    const [, tx] = openBoth()
    const written = write(tx, 'early')
    const socket = await host()
    expect(String((await once(socket, 'data'))[0])).toBe('early')
    expect(await written).toEqual({ taken: 5 })
    socket.destroy()
  })

  it('tells the guest when the host is gone, and starts anew when it opens the files again', async () => {
    const first = await host()
    const [rx, tx] = openBoth()
    const end = read(rx)
    first.destroy()
    expect(await end).toBe('')
    expect(await write(tx, 'too late')).toEqual({ errno: errno.EPIPE })
    const second = await host()
    second.write('again')
    rx.close()
    tx.close()
    expect(await read(openBoth()[0])).toBe('again')
    expect(opened).toBe(2)
    second.destroy()
  })

  it('hands the host all that was written before the guest closed', async () => {
    const socket = await host()
    const [rx, tx] = openBoth()
    const received: Buffer[] = []
    socket.on('data', (chunk) => received.push(chunk))
    const text = 'x'.repeat(300_000)
    await write(tx, text)
    rx.close()
    tx.close()
    await once(socket, 'close')
    expect(Buffer.concat(received).toString()).toBe(text)
  })

  it('lets a new host take the place of the old one', async () => {
    const old = await host()
    const [rx] = openBoth()
    old.write('1')
    expect(await read(rx)).toBe('1')
    const successor = await host()
    await once(old, 'close')
    expect(await read(rx)).toBe('')
    successor.write('2')
    expect(await read(openBoth()[0])).toBe('2')
    successor.destroy()
  })

  it('asks the host to wait when the guest does not read', async () => {
    const socket = await host()
    const [rx] = openBoth()
    const megabytes = 8
    let drained = false
    socket.once('drain', () => (drained = true))
    socket.write(Buffer.alloc(megabytes * 1024 * 1024))
    let received = 0
    while (received < 2 * 1024 * 1024) received += (await read(rx)).length
    expect(drained).toBe(false)
    while (received < megabytes * 1024 * 1024) received += (await read(rx)).length
    await (drained || once(socket, 'drain'))
    socket.destroy()
  })

  it('rests: ends the session and opens no other until it is woken', async () => {
    const socket = await host()
    const [rx] = openBoth()
    link.rest()
    expect(await read(rx)).toBe('')
    expect(openBoth).toThrow('rests')
    link.wake()
    const [again] = openBoth()
    const next = await host()
    next.write('awake')
    expect(await read(again)).toBe('awake')
    socket.destroy()
    next.destroy()
  })
})
