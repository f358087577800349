/** Ethernet II, ARP (RFC 826), IPv4 (RFC 791), UDP (RFC 768) and TCP (RFC 9293) as bytes, as far as the gateway needs. */

export const etherTypes = { ipv4: 0x0800, arp: 0x0806 } as const
export const protocols = { icmp: 1, tcp: 6, udp: 17 } as const
export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const

const etherHeader = 14
const ipHeader = 20
const tcpHeader = 20
const udpHeader = 8

/** Where an IPv4 packet comes from and goes to; addresses as numbers, most significant byte first. */
export interface Addresses {
  source: number
  destination: number
}

export interface Ipv4Packet extends Addresses {
  protocol: number
  payload: Uint8Array
}

export interface Ports {
  sourcePort: number
  destinationPort: number
}

export interface TcpSegment extends Ports {
  sequence: number
  acknowledgment: number
  flags: number
  /** As in the header, not scaled. */
  window: number
  /** From the options of a SYN. */
  mss?: number
  windowScale?: number
  payload: Uint8Array
}

export interface UdpDatagram extends Ports {
  payload: Uint8Array
}

/** `192.0.2.1` as a number. */
export function ipv4(text: string): number {
  return text.split('.').reduce((number, part) => number * 256 + Number(part), 0)
}

/** A number as `192.0.2.1`. */
export function ipv4Text(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

export function parseEthernet(frame: Uint8Array): { type: number; source: Uint8Array; payload: Uint8Array } {
  return { type: view(frame).getUint16(12), source: frame.slice(6, 12), payload: frame.subarray(etherHeader) }
}

/** The packet without its options, or undefined when it is cut short or a fragment. */
export function parseIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  if (bytes.length < ipHeader) return undefined
  const header = view(bytes)
  const length = header.getUint16(2)
  const start = (bytes[0]! & 15) * 4
  const isFragment = (header.getUint16(6) & 0x3fff) !== 0
  if (bytes[0]! >> 4 !== 4 || isFragment || length > bytes.length || start > length) return undefined
  return {
    protocol: bytes[9]!,
    source: header.getUint32(12),
    destination: header.getUint32(16),
    payload: bytes.subarray(start, length),
  }
}

export function parseTcp(bytes: Uint8Array): TcpSegment | undefined {
  if (bytes.length < tcpHeader) return undefined
  const header = view(bytes)
  const start = (bytes[12]! >> 4) * 4
  if (start < tcpHeader || start > bytes.length) return undefined
  return {
    sourcePort: header.getUint16(0),
    destinationPort: header.getUint16(2),
    sequence: header.getUint32(4),
    acknowledgment: header.getUint32(8),
    flags: bytes[13]!,
    window: header.getUint16(14),
    ...parseTcpOptions(bytes.subarray(tcpHeader, start)),
    payload: bytes.subarray(start),
  }
}

export function parseUdp(bytes: Uint8Array): UdpDatagram | undefined {
  if (bytes.length < udpHeader) return undefined
  const header = view(bytes)
  const length = header.getUint16(4)
  if (length < udpHeader || length > bytes.length) return undefined
  return {
    sourcePort: header.getUint16(0),
    destinationPort: header.getUint16(2),
    payload: bytes.subarray(udpHeader, length),
  }
}

export function buildEthernet(
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(etherHeader + payload.length)
  frame.set(destination)
  frame.set(source, 6)
  view(frame).setUint16(12, type)
  frame.set(payload, etherHeader)
  return frame
}

export function buildIpv4(packet: Ipv4Packet): Uint8Array {
  const bytes = new Uint8Array(ipHeader + packet.payload.length)
  const header = view(bytes)
  bytes[0] = 0x45
  header.setUint16(2, bytes.length)
  header.setUint16(6, 0x4000)
  bytes[8] = 64
  bytes[9] = packet.protocol
  header.setUint32(12, packet.source)
  header.setUint32(16, packet.destination)
  header.setUint16(10, checksum(bytes.subarray(0, ipHeader), 0))
  bytes.set(packet.payload, ipHeader)
  return bytes
}

export function buildTcp(segment: TcpSegment, addresses: Addresses): Uint8Array {
  const options = tcpOptions(segment)
  const start = tcpHeader + options.length
  const bytes = new Uint8Array(start + segment.payload.length)
  const header = view(bytes)
  header.setUint16(0, segment.sourcePort)
  header.setUint16(2, segment.destinationPort)
  header.setUint32(4, segment.sequence)
  header.setUint32(8, segment.acknowledgment)
  bytes[12] = (start / 4) << 4
  bytes[13] = segment.flags
  header.setUint16(14, segment.window)
  bytes.set(options, tcpHeader)
  bytes.set(segment.payload, start)
  header.setUint16(16, checksum(bytes, pseudoHeader(addresses, protocols.tcp, bytes.length)))
  return bytes
}

export function buildUdp(datagram: UdpDatagram, addresses: Addresses): Uint8Array {
  const bytes = new Uint8Array(udpHeader + datagram.payload.length)
  const header = view(bytes)
  header.setUint16(0, datagram.sourcePort)
  header.setUint16(2, datagram.destinationPort)
  header.setUint16(4, bytes.length)
  bytes.set(datagram.payload, udpHeader)
  header.setUint16(6, checksum(bytes, pseudoHeader(addresses, protocols.udp, bytes.length)) || 0xffff)
  return bytes
}

/** The answer to an ARP request for an IPv4 address that `accepts` takes, or undefined. */
export function answerArp(
  request: Uint8Array,
  mac: Uint8Array,
  accepts: (address: number) => boolean,
): Uint8Array | undefined {
  if (request.length < 28) return undefined
  const header = view(request)
  if (header.getUint16(6) !== 1 || !accepts(header.getUint32(24))) return undefined
  const reply = request.slice(0, 28)
  view(reply).setUint16(6, 2)
  reply.set(mac, 8)
  reply.set(request.subarray(24, 28), 14)
  reply.set(request.subarray(8, 18), 18)
  return reply
}

/** The answer to an ICMP echo request (RFC 792), or undefined. */
export function answerEcho(request: Uint8Array): Uint8Array | undefined {
  if (request.length < 8 || request[0] !== 8) return undefined
  const reply = request.slice()
  reply[0] = 0
  view(reply).setUint16(2, 0)
  view(reply).setUint16(2, checksum(reply, 0))
  return reply
}

function parseTcpOptions(options: Uint8Array): { mss?: number; windowScale?: number } {
  const found: { mss?: number; windowScale?: number } = {}
  for (let at = 0; at < options.length && options[at] !== 0;) {
    if (options[at] === 1) {
      at++
      continue
    }
    const length = options[at + 1] ?? 0
    if (length < 2) break
    if (options[at] === 2 && length === 4) found.mss = (options[at + 2]! << 8) | options[at + 3]!
    if (options[at] === 3 && length === 3) found.windowScale = options[at + 2]
    at += length
  }
  return found
}

function tcpOptions({ mss, windowScale }: TcpSegment): number[] {
  return [
    ...(mss === undefined ? [] : [2, 4, mss >> 8, mss & 255]),
    ...(windowScale === undefined ? [] : [1, 3, 3, windowScale]),
  ]
}

function pseudoHeader({ source, destination }: Addresses, protocol: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length
}

/** The Internet checksum (RFC 1071) of the bytes, begun with `sum`. */
function checksum(bytes: Uint8Array, sum: number): number {
  const even = bytes.length & ~1
  for (let at = 0; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (bytes.length > even) sum += bytes[even]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
