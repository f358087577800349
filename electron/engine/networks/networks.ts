import { randomBytes } from 'node:crypto'
import type { GuestEndpoint, GuestFacts } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import { EngineError } from '../errors'
import type { Events } from '../events/events'
import type { Db } from '../store/database'
import {
  contains,
  defaultPools,
  formatAddress,
  formatSubnet,
  nextFree,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
} from './addresses'

const mtu = 1500

/** A network as it is kept; `subnet` and `gateway` are those of a bridge. */
export interface Network {
  id: string
  name: string
  created: number
  driver: 'bridge' | 'host' | 'null'
  bridge?: string
  subnet?: string
  gateway?: string
  labels: Record<string, string>
}

/** One container's place in one network. */
export interface Attachment {
  networkId: string
  name: string
  endpointId: string
  /** What the agent needs to make it. */
  guest: GuestEndpoint
  address: string
  prefixLength: number
  gateway: string
  mac: string
  /** Nameservers for the container's resolv.conf. */
  dns: string[]
}

export interface NetworkMember {
  id: string
  name: string
  address?: string
  mac?: string
}

export interface NetworksOptions {
  db: Db
  guest: () => Pick<Guest, 'call'>
  facts: () => GuestFacts
  events: Events
  /** Machine feature: the containers' networks are this computer's own. */
  hostNetwork: () => boolean
}

/** Networks, their address pools, and who is in them. Membership lives as long as a container runs. */
export class Networks {
  private readonly members = new Map<string, Map<string, { member: NetworkMember; attachment: Attachment }>>()
  private readonly ensured = new Map<string, Promise<unknown>>()

  constructor(private readonly options: NetworksOptions) {}

  /** Makes the networks that every engine has. To be called when the machine has started; again after it was replaced. */
  start(): void {
    this.ensured.clear()
    if (!this.byName('bridge')) {
      const bridge = `berth-${randomBytes(4).toString('hex')}`
      this.insert({ name: 'bridge', driver: 'bridge', bridge, ...this.pickSubnet() })
    }
    if (!this.byName('host')) this.insert({ name: 'host', driver: 'host' })
    if (!this.byName('none')) this.insert({ name: 'none', driver: 'null' })
    // Not waited for: it takes a second in an emulated guest. The first container waits for the same promise, and a
    // failure is tried again, and told, by the next one to need the bridge.
    this.ensureBridge(this.byName('bridge')!).catch(() => undefined)
  }

  list(): Network[] {
    return (this.options.db.prepare('SELECT * FROM networks ORDER BY created, name').all() as Row[]).map(fromRow)
  }

  /** By name, id or a unique prefix of an id. "default" is the bridge. Throws 'notFound'. */
  resolve(nameOrId: string): Network {
    const name = nameOrId === 'default' || nameOrId === '' ? 'bridge' : nameOrId
    const found = this.byName(name)
    if (found) return found
    const matches = this.list().filter((network) => network.id.startsWith(name))
    if (matches.length === 1) return matches[0]!
    if (matches.length > 1)
      throw new EngineError('invalid', `network ${name} is ambiguous (${matches.length} matches found on id)`)
    throw new EngineError('notFound', `network ${nameOrId} not found`)
  }

  /** Who is in the network now, by container id. */
  membersOf(networkId: string): { member: NetworkMember; attachment: Attachment }[] {
    return [...(this.members.get(networkId)?.values() ?? [])]
  }

  /** Gives the container an address and a MAC in a bridge network, and sees to it that the bridge is there. */
  async connect(networkId: string, member: NetworkMember): Promise<Attachment> {
    const network = this.resolve(networkId)
    if (!network.bridge) throw new EngineError('invalid', `network ${network.name} has no endpoints`)
    const subnet = parseSubnet(network.subnet!)!
    const address = this.allocate(network, subnet, member.address)
    const mac = member.mac || macOf(address)
    const attachment: Attachment = {
      networkId: network.id,
      name: network.name,
      endpointId: randomBytes(32).toString('hex'),
      guest: {
        name: 'eth0',
        bridge: network.bridge,
        hostName: `veth${randomBytes(4).toString('hex').slice(0, 7)}`,
        mac,
        address: `${formatAddress(address)}/${subnet.prefix}`,
        gateway: network.gateway!,
        mtu,
      },
      address: formatAddress(address),
      prefixLength: subnet.prefix,
      gateway: network.gateway!,
      mac,
      dns: this.nameservers(network),
    }
    this.join(network.id, member, attachment)
    try {
      await this.ensureBridge(network)
    } catch (error) {
      this.disconnect(network.id, member.id)
      throw error
    }
    this.options.events.emit('network', 'connect', network.id, {
      container: member.id,
      name: network.name,
      type: network.driver,
    })
    return attachment
  }

  /** Takes back the place of a container that went on while the engine was away. */
  adopt(member: NetworkMember, attachment: Attachment): void {
    this.join(attachment.networkId, member, attachment)
  }

  /** Frees the container's address. Not in it: no-op. */
  disconnect(networkId: string, containerId: string): void {
    const network = this.resolve(networkId)
    if (!this.members.get(network.id)?.delete(containerId)) return
    this.options.events.emit('network', 'disconnect', network.id, {
      container: containerId,
      name: network.name,
      type: network.driver,
    })
  }

  private join(networkId: string, member: NetworkMember, attachment: Attachment): void {
    const members = this.members.get(networkId) ?? new Map<string, { member: NetworkMember; attachment: Attachment }>()
    members.set(member.id, { member, attachment })
    this.members.set(networkId, members)
  }

  private allocate(network: Network, subnet: Subnet, wanted: string | undefined): number {
    const taken = new Set([parseAddress(network.gateway!)!])
    for (const { attachment } of this.membersOf(network.id)) taken.add(parseAddress(attachment.address)!)
    if (!wanted) {
      const free = nextFree(subnet, taken)
      if (free === undefined)
        throw new EngineError(
          'internal',
          `no available IPv4 addresses on this network's address pools: ${network.name} (${network.id})`,
        )
      return free
    }
    const address = parseAddress(wanted)
    if (address === undefined || !contains(subnet, address)) {
      throw new EngineError('invalid', `invalid address ${wanted}: It does not belong to any of this network's subnets`)
    }
    if (taken.has(address)) throw new EngineError('forbidden', 'Address already in use')
    return address
  }

  private nameservers(network: Network): string[] {
    // Where containers can reach the resolvers of this computer they get them, as from dockerd, so that names resolve
    // also while the engine is away. A loopback resolver is out of their reach: the gateway's asks it for them.
    const reachable = this.options
      .facts()
      .resolvers.filter((address) => /^\d+\./.test(address) && !address.startsWith('127.'))
    return this.options.hostNetwork() && reachable.length > 0 ? reachable : [network.gateway!]
  }

  /** One agent round trip a bridge and machine start; a failed one is tried again by the next caller. */
  private ensureBridge(network: Network): Promise<unknown> {
    const found = this.ensured.get(network.id)
    if (found) return found
    const made = this.options
      .guest()
      .call('network.ensure', {
        bridge: network.bridge!,
        subnet: network.subnet!,
        gateway: network.gateway!,
        mtu,
        masquerade: true,
        icc: true,
        internal: false,
      })
      .catch((error: unknown) => {
        this.ensured.delete(network.id)
        throw error
      })
    this.ensured.set(network.id, made)
    return made
  }

  private pickSubnet(): { subnet: string; gateway: string } {
    const taken = [...this.options.facts().routes, ...this.list().flatMap((network) => network.subnet ?? [])]
      .map(parseSubnet)
      // A default route holds everything and takes nothing.
      .filter((subnet): subnet is Subnet => subnet !== undefined && subnet.prefix > 0)
    for (const pool of defaultPools()) {
      if (taken.some((subnet) => overlaps(subnet, pool))) continue
      return { subnet: formatSubnet(pool), gateway: formatAddress(pool.base + 1) }
    }
    throw new EngineError(
      'invalid',
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    )
  }

  private byName(name: string): Network | undefined {
    const row = this.options.db.prepare('SELECT * FROM networks WHERE name = ?').get(name) as Row | undefined
    return row && fromRow(row)
  }

  private insert(network: Omit<Network, 'id' | 'created' | 'labels'>): void {
    const { name, ...config } = network
    this.options.db
      .prepare('INSERT INTO networks VALUES (?, ?, ?, ?)')
      .run(randomBytes(32).toString('hex'), name, Date.now(), JSON.stringify({ ...config, labels: {} }))
  }
}

interface Row {
  id: string
  name: string
  created: number
  config: string
}

function fromRow({ id, name, created, config }: Row): Network {
  return { id, name, created, ...(JSON.parse(config) as Omit<Network, 'id' | 'name' | 'created'>) }
}

/** Docker's way to a MAC: locally administered, the address in its last four bytes. */
function macOf(address: number): string {
  const bytes = [0x02, 0x42, ...[24, 16, 8, 0].map((shift) => (address >>> shift) & 255)]
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
