/** IPv4 arithmetic: addresses as unsigned 32-bit numbers. */

export interface Subnet {
  base: number
  prefix: number
}

/** Parses "172.17.0.0/16" (or a bare address as /32); undefined for anything else. The base is masked. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text)
  if (!match) return undefined
  const parts = match.slice(1, 5).map(Number)
  const prefix = match[5] === undefined ? 32 : Number(match[5])
  if (parts.some((part) => part > 255) || prefix > 32) return undefined
  const address = parts.reduce((sum, part) => sum * 256 + part, 0)
  return { base: mask(address, prefix), prefix }
}

export function parseAddress(text: string): number | undefined {
  const subnet = text.includes('/') ? undefined : parseSubnet(text)
  return subnet?.base
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

export function formatSubnet({ base, prefix }: Subnet): string {
  return `${formatAddress(base)}/${prefix}`
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  const prefix = Math.min(a.prefix, b.prefix)
  return mask(a.base, prefix) === mask(b.base, prefix)
}

export function contains(subnet: Subnet, address: number): boolean {
  return mask(address, subnet.prefix) === subnet.base
}

/** Docker's default address pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and on. */
export function* defaultPools(): Generator<Subnet> {
  for (let second = 17; second <= 31; second++) yield { base: ((172 << 24) | (second << 16)) >>> 0, prefix: 16 }
  for (let third = 0; third < 256; third += 16)
    yield { base: ((192 << 24) | (168 << 16) | (third << 8)) >>> 0, prefix: 20 }
}

/** The lowest free host address of the subnet above `taken` ones; undefined when it is full. */
export function nextFree(subnet: Subnet, taken: ReadonlySet<number>): number | undefined {
  const last = subnet.base + 2 ** (32 - subnet.prefix) - 2
  for (let address = subnet.base + 1; address <= last; address++) if (!taken.has(address)) return address
  return undefined
}

function mask(address: number, prefix: number): number {
  return prefix === 0 ? 0 : (address & (-1 << (32 - prefix))) >>> 0
}
