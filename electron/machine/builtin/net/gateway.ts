import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect } from 'node:net'
import {
  answerArp,
  answerEcho,
  buildEthernet,
  buildIpv4,
  buildTcp,
  buildUdp,
  etherTypes,
  ipv4,
  ipv4Text,
  parseEthernet,
  parseIpv4,
  parseTcp,
  parseUdp,
  protocols,
  tcpFlags,
  type Ipv4Packet,
  type TcpSegment,
} from './packets'
import { TcpFlow } from './tcp-flow'

/** The network between the guest and the gateway; the guest gets its address on the kernel's command line. */
export const guestNetwork = { guest: '192.168.127.2', gateway: '192.168.127.1', netmask: '255.255.255.0' } as const

const gatewayMac = Uint8Array.of(0x02, 0x42, 0x65, 0x72, 0x74, 0x68)
/** Idle time in milliseconds after which a UDP port of the guest's is given up (RFC 4787 asks for two minutes). */
const udpIdle = 120_000
const mostUdpPorts = 512

/** IPv4 ranges that the guest must not reach through the host: see `isReachable`. */
const blocked: [string, number][] = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['224.0.0.0', 3],
  [guestNetwork.gateway, 24],
]

/**
 * Whether a container may open connections to this address. The host's loopback is closed to it, by whatever name, so
 * that neither the engine's API nor a service that trusts local callers can be reached; so are broadcast, multicast and
 * the VM's own network. The host's other addresses are open, as they are to containers of Docker's.
 */
export function isReachable(address: number): boolean {
  return !blocked.some(([network, bits]) => (address ^ ipv4(network)) >>> (32 - bits) === 0)
}

/**
 * The guest's way out: takes its Ethernet frames, and ends its TCP connections and UDP exchanges in sockets of this
 * process. What can't be connected to is refused with a reset.
 */
export class Gateway {
  private guestMac: Uint8Array = new Uint8Array(6)
  private readonly flows = new Map<string, TcpFlow>()
  private readonly udpPorts = new Map<string, { socket: UdpSocket; idle: NodeJS.Timeout }>()

  /** `transmit` takes frames for the guest. */
  constructor(
    private readonly transmit: (frame: Uint8Array) => void,
    private readonly mayReach = isReachable,
  ) {}

  receive(frame: Uint8Array): void {
    const { type, source, payload } = parseEthernet(frame)
    this.guestMac = source
    if (type === etherTypes.arp) {
      const reply = answerArp(payload, gatewayMac, (address) => ipv4Text(address) === guestNetwork.gateway)
      if (reply) this.transmit(buildEthernet(source, gatewayMac, etherTypes.arp, reply))
      return
    }
    const packet = type === etherTypes.ipv4 ? parseIpv4(payload) : undefined
    if (packet?.protocol === protocols.tcp) this.tcp(packet)
    if (packet?.protocol === protocols.udp) this.udp(packet)
    if (packet?.protocol === protocols.icmp) this.icmp(packet)
  }

  private tcp(packet: Ipv4Packet): void {
    const segment = parseTcp(packet.payload)
    if (!segment) return
    const key = `${packet.source}:${segment.sourcePort}-${packet.destination}:${segment.destinationPort}`
    const flow = this.flows.get(key)
    if (flow) return flow.receive(segment)
    const opens = (segment.flags & (tcpFlags.syn | tcpFlags.ack)) === tcpFlags.syn
    if (opens && this.mayReach(packet.destination)) this.openFlow(key, packet, segment)
    else if (!(segment.flags & tcpFlags.rst)) this.refuse(packet, segment)
  }

  private openFlow(key: string, packet: Ipv4Packet, syn: TcpSegment): void {
    const socket = connect({ host: ipv4Text(packet.destination), port: syn.destinationPort, allowHalfOpen: true })
    const send = (segment: Omit<TcpSegment, 'sourcePort' | 'destinationPort'>) => this.replyTcp(packet, syn, segment)
    this.flows.set(key, new TcpFlow(syn, socket, send, () => this.flows.delete(key)))
  }

  /** RFC 9293, 3.10.7.1: the reset that belongs to a segment of no connection. */
  private refuse(packet: Ipv4Packet, segment: TcpSegment): void {
    const isAck = (segment.flags & tcpFlags.ack) !== 0
    const isSyn = (segment.flags & tcpFlags.syn) !== 0
    this.replyTcp(packet, segment, {
      sequence: isAck ? segment.acknowledgment : 0,
      acknowledgment: isAck ? 0 : (segment.sequence + segment.payload.length + (isSyn ? 1 : 0)) >>> 0,
      flags: isAck ? tcpFlags.rst : tcpFlags.rst | tcpFlags.ack,
      window: 0,
      payload: new Uint8Array(0),
    })
  }

  private replyTcp(
    packet: Ipv4Packet,
    to: TcpSegment,
    segment: Omit<TcpSegment, 'sourcePort' | 'destinationPort'>,
  ): void {
    const ports = { sourcePort: to.destinationPort, destinationPort: to.sourcePort }
    const addresses = { source: packet.destination, destination: packet.source }
    this.transmitIp({ ...addresses, protocol: protocols.tcp, payload: buildTcp({ ...ports, ...segment }, addresses) })
  }

  private udp(packet: Ipv4Packet): void {
    const datagram = parseUdp(packet.payload)
    if (!datagram || !this.mayReach(packet.destination)) return
    const key = `${packet.source}:${datagram.sourcePort}`
    const port = this.udpPorts.get(key) ?? this.openUdpPort(key, packet.source, datagram.sourcePort)
    port?.idle.refresh()
    port?.socket.send(datagram.payload.slice(), datagram.destinationPort, ipv4Text(packet.destination))
  }

  private openUdpPort(key: string, guest: number, guestPort: number) {
    if (this.udpPorts.size >= mostUdpPorts) return undefined
    const socket = createSocket('udp4')
    const close = () => {
      if (this.udpPorts.delete(key)) socket.close()
    }
    socket.on('error', close)
    socket.on('message', (payload, from) => {
      const addresses = { source: ipv4(from.address), destination: guest }
      if (!this.mayReach(addresses.source)) return
      const datagram = buildUdp({ sourcePort: from.port, destinationPort: guestPort, payload }, addresses)
      this.transmitIp({ ...addresses, protocol: protocols.udp, payload: datagram })
    })
    const port = { socket, idle: setTimeout(close, udpIdle) }
    this.udpPorts.set(key, port)
    return port
  }

  /** Only the gateway itself answers a ping: raw sockets need rights that the host may not give. */
  private icmp(packet: Ipv4Packet): void {
    const reply = ipv4Text(packet.destination) === guestNetwork.gateway ? answerEcho(packet.payload) : undefined
    if (!reply) return
    const addresses = { source: packet.destination, destination: packet.source }
    this.transmitIp({ ...addresses, protocol: protocols.icmp, payload: reply })
  }

  private transmitIp(packet: Ipv4Packet): void {
    this.transmit(buildEthernet(this.guestMac, gatewayMac, etherTypes.ipv4, buildIpv4(packet)))
  }
}
