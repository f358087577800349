import { EngineError } from '../errors'
import {
  contains,
  formatAddress,
  formatSubnet,
  lastOf,
  overlaps,
  parseAddress,
  parseSubnet,
  type Family,
  type Subnet,
} from './addresses'
import { familyOf, type Network, type Pool } from './network'
import { canonical, overlap, type AskedPool } from './request'

/** Docker's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and on. */
export function* defaultPools(): Generator<Subnet> {
  const at = (text: string) => parseSubnet(text)!
  for (let second = 17; second <= 31; second++) yield at(`172.${second}.0.0/16`)
  for (let third = 0; third < 256; third += 16) yield at(`192.168.${third}.0/20`)
}

/** Unique local IPv6 subnets (RFC 4193) of an engine: the /64s of a /48 that its seed (40 bits) makes its own. */
export function* uniqueLocalPools(seed: bigint): Generator<Subnet> {
  const site = (0xfdn << 120n) | (seed << 80n)
  for (let i = 0n; i < 65536n; i++) yield { family: 6, base: site | (i << 64n), prefix: 64 }
}

/** The first of the subnets that overlaps none that is taken. Throws 'invalid' in dockerd's words when none is left. */
export function chooseSubnet(pools: Iterable<Subnet>, taken: readonly Subnet[]): Subnet {
  for (const pool of pools) if (!taken.some((other) => overlaps(other, pool))) return pool
  throw new EngineError('invalid', 'all predefined address pools have been fully subnetted')
}

/** A subnet that the client named, with its gateway: the first address when it named none. Throws 'forbidden' on overlap. */
export function takePool({ subnet, range, gateway, aux }: AskedPool, taken: readonly Subnet[]): Pool {
  if (taken.some((other) => overlaps(other, subnet))) throw overlap()
  const pool: Pool = {
    subnet: formatSubnet(subnet),
    gateway: gateway ? canonical(gateway) : '',
    ...(range ? { range: formatSubnet(range) } : {}),
    ...(Object.keys(aux).length > 0 ? { aux } : {}),
  }
  return { ...pool, gateway: pool.gateway || firstFree([pool], new Set())! }
}

/** A pool of a subnet that the engine chose. */
export function chosenPool(subnet: Subnet): Pool {
  const gateway = formatAddress({ family: subnet.family, value: subnet.base + 1n })
  return { subnet: formatSubnet(subnet), gateway, chosen: true }
}

/**
 * An address of the family for a container: the wanted one, or the lowest that is free. `taken` are those in use, in
 * canonical form. Throws in dockerd's words: 'forbidden' for one in use, 'internal' when the pools are full.
 */
export function allocate(network: Network, family: Family, taken: ReadonlySet<string>, wanted?: string): string {
  const pools = network.pools.filter((pool) => familyOf(pool) === family)
  if (!wanted) {
    const free = firstFree(pools, taken)
    if (free !== undefined) return free
    throw new EngineError(
      'internal',
      `no available IPv${family} addresses on this network's address pools: ${network.name} (${network.id})`,
    )
  }
  const address = canonical(wanted)
  if (taken.has(address) || pools.some((pool) => reserved(pool).has(address)))
    throw new EngineError('forbidden', 'Address already in use')
  return address
}

/** What is wrong with a wish for an address, in dockerd's words; undefined when it lies in one of the pools. */
export function addressProblem(network: Network, family: Family, wanted: string): string | undefined {
  const address = parseAddress(wanted)
  if (address?.family !== family) return `invalid IPv${family} address: ${wanted}`
  const inside = network.pools.some(({ subnet }) => contains(parseSubnet(subnet)!, address))
  return inside ? undefined : `no configured subnet contains IP address ${wanted}`
}

/** The prefix of the subnet that an address lies in. */
export function prefixOf(network: Network, address: string): number {
  const found = network.pools
    .map(({ subnet }) => parseSubnet(subnet)!)
    .find((subnet) => contains(subnet, parseAddress(address)!))
  return found!.prefix
}

function firstFree(pools: Pool[], taken: ReadonlySet<string>): string | undefined {
  for (const pool of pools) {
    const subnet = parseSubnet(pool.subnet)!
    const from = pool.range ? parseSubnet(pool.range)! : subnet
    const kept = reserved(pool)
    const { family } = subnet
    // The subnet's own address is nobody's, and its last one is IPv4's broadcast.
    const first = from.base === subnet.base ? from.base + 1n : from.base
    const last = family === 4 && lastOf(from) === lastOf(subnet) ? lastOf(from) - 1n : lastOf(from)
    for (let value = first; value <= last; value++) {
      const address = formatAddress({ family, value })
      if (!taken.has(address) && !kept.has(address)) return address
    }
  }
  return undefined
}

function reserved({ gateway, aux }: Pool): Set<string> {
  return new Set([gateway, ...Object.values(aux ?? {}).map(canonical)])
}
