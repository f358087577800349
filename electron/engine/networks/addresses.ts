/** IPv4 and IPv6 arithmetic: an address is its family and its number. */

export type Family = 4 | 6

export interface Address {
  family: Family
  value: bigint
}

export interface Subnet {
  family: Family
  /** The first address: all bits after the prefix are 0. */
  base: bigint
  prefix: number
}

const bitsOf = (family: Family) => (family === 4 ? 32 : 128)

/** Parses an address of either family; undefined for anything else (zones too). */
export function parseAddress(text: string): Address | undefined {
  const value = text.includes(':') ? parse6(text) : parse4(text)
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value }
}

/** Parses "172.17.0.0/16" or "fd00::/64"; undefined for anything else. Bits after the prefix are dropped. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, addressText, prefixText] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const address = addressText === undefined ? undefined : parseAddress(addressText)
  const prefix = Number(prefixText)
  if (!address || prefix > bitsOf(address.family)) return undefined
  return { family: address.family, base: mask(address, prefix), prefix }
}

function parse4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255))
    return undefined
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n)
}

function parse6(text: string): bigint | undefined {
  const mapped = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (mapped) {
    const low = parse4(mapped[2]!)
    return low === undefined
      ? undefined
      : parse6(`${mapped[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':'))) as [string[], string[] | undefined]
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array<string>(missing).fill('0'), ...(tail ?? [])]
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined
  return groups.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n)
}

/** In the canonical form (RFC 5952 for IPv6). */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  // The longest run of zeros, the first of equals, is written as "::".
  const text = groups.join(':')
  let at = 0
  let longest = ''
  for (const { 0: run, index } of text.matchAll(/\b0(?::0)+\b/g)) {
    if (run.length > longest.length) [at, longest] = [index, run]
  }
  if (longest === '') return text
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`
}

export function formatSubnet({ family, base, prefix }: Subnet): string {
  return `${formatAddress({ family, value: base })}/${prefix}`
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  if (a.family !== b.family) return false
  const prefix = Math.min(a.prefix, b.prefix)
  return mask({ family: a.family, value: a.base }, prefix) === mask({ family: b.family, value: b.base }, prefix)
}

export function contains(subnet: Subnet, address: Address): boolean {
  return subnet.family === address.family && mask(address, subnet.prefix) === subnet.base
}

/** The last address of a subnet. */
export function lastOf({ family, base, prefix }: Subnet): bigint {
  return base + (1n << BigInt(bitsOf(family) - prefix)) - 1n
}

/** The name under which PTR records ask for an address, e.g. "2.0.17.172.in-addr.arpa". */
export function reverseName(address: Address): string {
  const { family, value } = address
  if (family === 4) return `${formatAddress(address).split('.').reverse().join('.')}.in-addr.arpa`
  const digits = value.toString(16).padStart(32, '0')
  return `${[...digits].reverse().join('.')}.ip6.arpa`
}

/** Docker's way to a MAC for an IPv4 address: locally administered, the address in its last four bytes. */
export function macOf({ value }: Address): string {
  const bytes = [0x02n, 0x42n, ...[24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n)]
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

function mask({ family, value }: Address, prefix: number): bigint {
  const rest = BigInt(bitsOf(family) - prefix)
  return (value >> rest) << rest
}
