import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gateway, guestNetwork, isReachable } from './gateway'
import {
  buildEthernet,
  buildIpv4,
  buildTcp,
  buildUdp,
  etherTypes,
  ipv4,
  parseEthernet,
  parseIpv4,
  parseTcp,
  parseUdp,
  protocols,
  tcpFlags,
  type TcpSegment,
} from './packets'

const { fin, syn, rst, ack, psh } = tcpFlags
const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
const loopback = ipv4('127.0.0.1')
const guest = ipv4(guestNetwork.guest)

/** The guest's side of the wire, by hand. */
class Guest {
  readonly segments: TcpSegment[] = []
  readonly datagrams: string[] = []
  readonly gateway: Gateway
  sequence = 1000
  private next = 0
  private arrived: () => void = () => undefined

  constructor(mayReach?: (address: number) => boolean) {
    this.gateway = new Gateway((frame) => this.receive(frame), mayReach)
  }

  private receive(frame: Uint8Array): void {
    const packet = parseIpv4(parseEthernet(frame).payload)
    if (packet?.protocol === protocols.tcp) this.segments.push(parseTcp(packet.payload)!)
    if (packet?.protocol === protocols.udp)
      this.datagrams.push(Buffer.from(parseUdp(packet.payload)!.payload).toString())
    this.arrived()
  }

  tcp(port: number, segment: Partial<TcpSegment> & { flags: number }, destination = loopback): void {
    const addresses = { source: guest, destination }
    const whole = {
      sourcePort: 40000,
      destinationPort: port,
      sequence: this.sequence,
      acknowledgment: this.next,
      window: 65535,
      payload: new Uint8Array(0),
      ...segment,
    }
    this.send(protocols.tcp, buildTcp(whole, addresses), addresses)
    const { flags, payload } = whole
    this.sequence += payload.length + (flags & (syn | fin) ? 1 : 0)
  }

  send(protocol: number, payload: Uint8Array, addresses: { source: number; destination: number }): void {
    const packet = buildIpv4({ ...addresses, protocol, payload })
    this.gateway.receive(buildEthernet(new Uint8Array(6), mac, etherTypes.ipv4, packet))
  }

  /** Waits for a segment like that, and takes note of what it carries as a TCP would. */
  async expect(matches: (segment: TcpSegment) => boolean): Promise<TcpSegment> {
    for (;;) {
      const index = this.segments.findIndex(matches)
      const [segment] = index < 0 ? [] : this.segments.splice(0, index + 1).slice(-1)
      if (segment) {
        this.next = segment.sequence + segment.payload.length + (segment.flags & (syn | fin) ? 1 : 0)
        return segment
      }
      await new Promise<void>((resolve) => (this.arrived = resolve))
    }
  }

  async connect(port: number): Promise<void> {
    this.tcp(port, { flags: syn, mss: 1460, windowScale: 7 })
    const answer = await this.expect((segment) => (segment.flags & (syn | ack)) === (syn | ack))
    expect(answer).toMatchObject({ acknowledgment: this.sequence, mss: 1460, windowScale: 3 })
    this.tcp(port, { flags: ack, window: 512 })
  }
}

let server: Server
let port: number
let accepted: Promise<[Socket]>
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  accepted = once(server, 'connection') as Promise<[Socket]>
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(() => {
  server.close()
})

describe('TCP', () => {
  it('carries data both ways and acknowledges it', async () => {
    const client = new Guest(() => true)
    await client.connect(port)
    const [socket] = await accepted
    client.tcp(port, { flags: ack | psh, payload: Buffer.from('ping') })
    expect((await client.expect((segment) => segment.acknowledgment === client.sequence)).flags).toBe(ack)
    expect(String((await once(socket, 'data'))[0])).toBe('ping')
    socket.write('pong')
    const { payload } = await client.expect((segment) => segment.payload.length > 0)
    expect(Buffer.from(payload).toString()).toBe('pong')
    socket.destroy()
  })

  it('takes a segment that comes twice once', async () => {
    const client = new Guest(() => true)
    await client.connect(port)
    const [socket] = await accepted
    const received: Buffer[] = []
    socket.on('data', (chunk) => received.push(chunk))
    const sequence = client.sequence
    client.tcp(port, { flags: ack, payload: Buffer.from('abc') })
    client.tcp(port, { flags: ack, sequence, payload: Buffer.from('abcde') })
    client.sequence = sequence + 5
    client.tcp(port, { flags: fin | ack })
    await once(socket, 'end')
    expect(Buffer.concat(received).toString()).toBe('abcde')
    socket.destroy()
  })

  it('closes one direction at a time', async () => {
    const client = new Guest(() => true)
    await client.connect(port)
    const [socket] = await accepted
    socket.resume()
    client.tcp(port, { flags: fin | ack })
    await once(socket, 'end')
    socket.end('still answering')
    const { payload } = await client.expect((segment) => segment.payload.length > 0)
    expect(Buffer.from(payload).toString()).toBe('still answering')
    client.tcp(port, { flags: ack })
    await client.expect((segment) => (segment.flags & fin) !== 0)
    client.tcp(port, { flags: ack })
    client.tcp(port, { flags: ack, payload: Buffer.from('x') })
    expect((await client.expect((segment) => (segment.flags & rst) !== 0)).flags & rst).toBe(rst)
  })

  it('sends no more than the guest has room for', async () => {
    const client = new Guest(() => true)
    await client.connect(port)
    const [socket] = await accepted
    client.tcp(port, { flags: ack, window: 8 })
    socket.write(Buffer.alloc(4096, 1))
    let received = 0
    while (received < 1024) received += (await client.expect((segment) => segment.payload.length > 0)).payload.length
    expect(received).toBe(1024)
    client.tcp(port, { flags: ack, window: 512 })
    while (received < 4096) received += (await client.expect((segment) => segment.payload.length > 0)).payload.length
    expect(received).toBe(4096)
    socket.destroy()
  })

  it('sends again what was lost on the way', async () => {
    const client = new Guest(() => true)
    await client.connect(port)
    const [socket] = await accepted
    socket.write('lost')
    const first = await client.expect((segment) => segment.payload.length > 0)
    const again = await client.expect((segment) => segment.payload.length > 0)
    expect(again).toMatchObject({ sequence: first.sequence })
    socket.destroy()
  })

  it('passes a reset on', async () => {
    const client = new Guest(() => true)
    await client.connect(port)
    const [socket] = await accepted
    socket.resetAndDestroy()
    await client.expect((segment) => (segment.flags & rst) !== 0)
  })

  it('refuses what nobody listens on', async () => {
    server.close()
    await once(server, 'close')
    const client = new Guest(() => true)
    client.tcp(port, { flags: syn })
    expect(await client.expect((segment) => (segment.flags & rst) !== 0)).toMatchObject({ acknowledgment: 1001 })
  })

  it("refuses the host's loopback without trying it", async () => {
    const client = new Guest()
    let connections = 0
    server.on('connection', () => connections++)
    client.tcp(port, { flags: syn })
    client.tcp(port, { flags: syn, sourcePort: 40001 }, ipv4(guestNetwork.gateway))
    expect(client.segments.map((segment) => segment.flags & rst)).toEqual([rst, rst])
    await new Guest(() => true).connect(port)
    const [socket] = await accepted
    expect(connections).toBe(1)
    socket.destroy()
  })
})

describe('UDP', () => {
  it('carries a question and its answer', async () => {
    const echo = createSocket('udp4')
    echo.on('message', (message, from) => echo.send(`re: ${message.toString()}`, from.port, from.address))
    await new Promise<void>((resolve) => echo.bind(0, '127.0.0.1', resolve))
    const client = new Guest(() => true)
    const addresses = { source: guest, destination: loopback }
    const ports = { sourcePort: 5000, destinationPort: echo.address().port }
    client.send(protocols.udp, buildUdp({ ...ports, payload: Buffer.from('hello') }, addresses), addresses)
    await expect.poll(() => client.datagrams).toEqual(['re: hello'])
    echo.close()
  })
})

describe('isReachable', () => {
  it.each(['127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', '192.168.127.1'])(
    'closes %s',
    (address) => expect(isReachable(ipv4(address))).toBe(false),
  )

  it.each(['1.1.1.1', '10.0.0.1', '128.0.0.1', '192.168.126.1', '192.168.128.1', '223.255.255.255'])(
    'opens %s',
    (address) => expect(isReachable(ipv4(address))).toBe(true),
  )
})
