import { randomBytes } from 'node:crypto'
import type { GuestFacts } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import { GuestError } from '../../machine/link'
import { EngineError } from '../errors'
import type { Events } from '../events/events'
import type { Db } from '../store/database'
import { contains, formatAddress, parseAddress, parseSubnet, type Address, type Subnet } from './addresses'
import { attachmentOf, type Attachment, type Wish } from './attachment'
import { allocate, chooseSubnet, chosenPool, defaultPools, takePool, uniqueLocalPools } from './ipam'
import type { Place } from './names'
import { ensureRequest, familyOf, isPredefined, option, type Network, type Pool } from './network'
import { checkNetwork, type NetworkBody } from './request'
import { NetworkStore } from './store'

export interface NetworksOptions {
  db: Db
  guest: () => Pick<Guest, 'call'>
  facts: () => GuestFacts
  events: Events
  /** Machine feature: the containers' networks are this computer's own. */
  hostNetwork: () => boolean
}

/** A container in a network. */
export interface Member {
  id: string
  name: string
  attachment: Attachment
}

/** Networks, their address pools, and who is in them. A container is in its networks while it runs. */
export class Networks {
  private readonly members = new Map<string, Map<string, Member>>()
  private readonly ensured = new Map<string, Promise<void>>()
  private readonly store: NetworkStore

  constructor(private readonly options: NetworksOptions) {
    this.store = new NetworkStore(options.db)
  }

  /** Makes the networks that every engine has. To be called when the machine has started; again after it was replaced. */
  start(): void {
    this.ensured.clear()
    const plain = { ipv4: true, ipv6: false, internal: false, attachable: false, labels: {}, ipamOptions: null }
    if (!this.store.byName('bridge')) {
      const bridge = newBridgeName()
      const options = {
        'com.docker.network.bridge.default_bridge': 'true',
        [option.icc]: 'true',
        [option.masquerade]: 'true',
        [option.bindingAddress]: '0.0.0.0',
        [option.bridgeName]: bridge,
        [option.mtu]: '1500',
      }
      this.store.insert({ ...plain, name: 'bridge', driver: 'bridge', bridge, pools: [this.choosePool(4)], options })
    }
    const other = { ...plain, bridge: '', pools: [], options: {} }
    if (!this.store.byName('host')) this.store.insert({ ...other, name: 'host', driver: 'host' })
    if (!this.store.byName('none')) this.store.insert({ ...other, name: 'none', driver: 'null' })
    // Not waited for: it takes a second in an emulated guest. The first container waits for the same promise, and a
    // failure is tried again, and told, by the next one to need the bridge. Other networks are made when first needed.
    this.ensureBridge(this.store.byName('bridge')!).catch(() => undefined)
  }

  list(): Network[] {
    return this.store.list()
  }

  /** By id, name or a unique prefix of an id. "default" is the bridge. Throws 'notFound'. */
  resolve(nameOrId: string): Network {
    const name = nameOrId === 'default' || nameOrId === '' ? 'bridge' : nameOrId
    const found = this.store.byId(name) ?? this.store.byName(name)
    if (found) return found
    const matches = this.list().filter((network) => network.id.startsWith(name))
    if (matches.length === 1) return matches[0]!
    if (matches.length > 1) {
      throw new EngineError(
        'invalid',
        `network ${name} is ambiguous (${matches.length} matches found based on ID prefix)`,
      )
    }
    throw new EngineError('notFound', `network ${nameOrId} not found`)
  }

  /** Who is in the network now. */
  membersOf(networkId: string): Member[] {
    return [...(this.members.get(networkId)?.values() ?? [])]
  }

  /** A container's places in user-defined networks, with who else is there. */
  placesOf(containerId: string): Place[] {
    return [...this.members.values()].flatMap((members) => {
      const own = members.get(containerId)?.attachment
      if (!own?.userDefined) return []
      return [{ network: own.name, own, others: [...members.values()].map(({ attachment }) => attachment) }]
    })
  }

  /**
   * Makes a bridge network, the bridge too. Throws in Docker's words: 'conflict' for a name that is taken, 'forbidden' for
   * a predefined name and for pools that overlap, 'invalid' for a request that makes no sense.
   */
  async create(body: NetworkBody): Promise<Network> {
    const asked = checkNetwork(body)
    if (this.store.byName(body.Name)) throw new EngineError('conflict', `network with name ${body.Name} already exists`)
    const bridge = body.Options[option.bridgeName] ?? newBridgeName()
    this.checkBridge(body.Name, bridge)
    const ipv4 = body.EnableIPv4 ?? true
    const taken = this.poolsTaken()
    const pools = asked.map((pool) => takePool(pool, taken))
    if (ipv4 && !pools.some((pool) => familyOf(pool) === 4)) pools.push(this.choosePool(4))
    if (body.EnableIPv6 && !pools.some((pool) => familyOf(pool) === 6)) pools.push(this.choosePool(6))
    pools.sort((a, b) => familyOf(a) - familyOf(b))
    const network = this.store.insert({
      name: body.Name,
      driver: 'bridge',
      bridge,
      pools,
      ipv4,
      ipv6: body.EnableIPv6,
      internal: body.Internal,
      attachable: body.Attachable,
      options: body.Options,
      labels: body.Labels,
      ipamOptions: body.IPAM ? (body.IPAM.Options ?? null) : {},
    })
    try {
      await this.ensureBridge(network)
    } catch (error) {
      this.forget(network)
      throw error
    }
    this.emit('create', network)
    return this.resolve(network.id)
  }

  /** Removes a network nobody is in, and its bridge. Throws 'forbidden' in Docker's words. */
  async remove(network: Network): Promise<void> {
    if (isPredefined(network.name)) {
      throw new EngineError('forbidden', `${network.name} is a pre-defined network and cannot be removed`)
    }
    const active = this.membersOf(network.id).map(
      ({ name, attachment }) => `name:"${name}" id:"${attachment.endpointId.slice(0, 12)}"`,
    )
    if (active.length > 0) {
      const reason = `network ${network.name} has active endpoints (${active.join(', ')})`
      throw new EngineError('forbidden', `error while removing network: ${reason}`)
    }
    await this.ensured.get(network.id)?.catch(() => undefined)
    await this.options.guest().call('network.remove', { bridge: network.bridge })
    this.forget(network)
    this.emit('destroy', network)
  }

  /** Removes the networks of users that nobody is in and that satisfy the test; answers their names. */
  async prune(test: (network: Network) => boolean): Promise<string[]> {
    const removed: string[] = []
    for (const network of this.list()) {
      if (isPredefined(network.name) || this.membersOf(network.id).length > 0 || !test(network)) continue
      await this.remove(network)
      removed.push(network.name)
    }
    this.options.events.emit('network', 'prune', '', { reclaimed: '0' })
    return removed
  }

  /**
   * Gives a container addresses and a MAC in a bridge network, and sees to it that the bridge is there. Throws in
   * Docker's words: 'forbidden' for an address in use, 'internal' when the pools are full.
   */
  async connect(networkId: string, container: { id: string; name: string }, wish: Wish): Promise<Attachment> {
    // First: a network whose pool the engine chose may get another one.
    await this.ensureBridge(this.resolve(networkId))
    const network = this.resolve(networkId)
    const taken = new Set(
      this.membersOf(networkId).flatMap(({ attachment }) => [attachment.address, attachment.address6]),
    )
    const address = network.ipv4 ? allocate(network, 4, taken, wish.address) : ''
    const address6 = network.ipv6 ? allocate(network, 6, taken, wish.address6) : ''
    const attachment = attachmentOf(network, wish, address, address6)
    this.adopt(container, attachment)
    return attachment
  }

  /** Takes a container's place as it is: that of one which went on while the engine was away, or one that was arranged. */
  adopt({ id, name }: { id: string; name: string }, attachment: Attachment): void {
    const members = this.members.get(attachment.networkId) ?? new Map<string, Member>()
    members.set(id, { id, name, attachment })
    this.members.set(attachment.networkId, members)
  }

  /** Frees the container's addresses. Not in it: no-op. */
  disconnect(networkId: string, containerId: string): void {
    this.members.get(networkId)?.delete(containerId)
  }

  /** Tells that a container is in a network, or no longer. */
  tell(action: 'connect' | 'disconnect', networkId: string, container: string): void {
    const network = this.store.byId(networkId)
    if (network) this.emit(action, network, { container })
  }

  /** Whether who has the address may reach members of these networks: not a container in others of ours. */
  mayReach(remote: string, networkIds: readonly string[]): boolean {
    const address = parseAddress(remote)
    const from = address && this.list().filter(({ pools }) => pools.some((pool) => isInside(pool, address)))
    return !from?.length || from.some(({ id }) => networkIds.includes(id))
  }

  /** Nameservers for the resolv.conf of containers that are on no user-defined network. */
  nameservers(): string[] {
    // Where containers can reach the resolvers of this computer they get them, as from dockerd, so that names resolve
    // also while the engine is away. A loopback resolver is out of their reach: the gateway's asks it for them.
    const reachable = this.options
      .facts()
      .resolvers.filter((address) => /^\d+\./.test(address) && !address.startsWith('127.'))
    return this.options.hostNetwork() && reachable.length > 0 ? reachable : [this.hostGateway()]
  }

  /** The address at which containers reach the host: what "host-gateway" stands for. */
  hostGateway(): string {
    return this.store.byName('bridge')!.pools[0]!.gateway
  }

  private forget(network: Network): void {
    this.store.delete(network)
    this.ensured.delete(network.id)
    this.members.delete(network.id)
  }

  /** One agent round trip a bridge and machine start; a failed one is tried again by the next caller. */
  private ensureBridge(network: Network): Promise<void> {
    const found = this.ensured.get(network.id)
    if (found) return found
    const made = this.makeBridge(network).catch((error: unknown) => {
      this.ensured.delete(network.id)
      throw error
    })
    this.ensured.set(network.id, made)
    return made
  }

  /** A subnet that the engine chose is exchanged when the guest turns out to use it: another engine may be faster. */
  private async makeBridge(network: Network): Promise<void> {
    const refused: Subnet[] = []
    for (;;) {
      try {
        await this.options.guest().call('network.ensure', ensureRequest(network))
        return
      } catch (error) {
        const own = network.pools.filter(({ chosen }) => chosen)
        const isTaken = error instanceof GuestError && error.kind === 'conflict'
        if (!isTaken || own.length === 0 || this.membersOf(network.id).length > 0) throw error
        refused.push(...own.map(({ subnet }) => parseSubnet(subnet)!))
        network.pools = network.pools.map((pool) => (pool.chosen ? this.choosePool(familyOf(pool), refused) : pool))
        this.store.save(network)
      }
    }
  }

  private choosePool(family: 4 | 6, refused: Subnet[] = []): Pool {
    const routes = this.options
      .facts()
      .routes.flatMap((text) => parseSubnet(text) ?? [])
      // A default route holds everything and takes nothing.
      .filter(({ prefix }) => prefix > 0)
    const taken = [...refused, ...routes, ...this.poolsTaken()]
    return chosenPool(chooseSubnet(family === 4 ? defaultPools() : uniqueLocalPools(this.seed()), taken))
  }

  /** 40 bits that tell this engine's unique local IPv6 networks from others'. */
  private seed(): bigint {
    return BigInt(`0x${this.store.byName('host')!.id.slice(0, 10)}`)
  }

  private poolsTaken(): Subnet[] {
    return this.list().flatMap(({ pools }) => pools.map(({ subnet }) => parseSubnet(subnet)!))
  }

  private checkBridge(name: string, bridge: string): void {
    const other = this.list().find((network) => network.bridge === bridge)
    if (!other) return
    const reason = `conflicts with network ${other.id} (${bridge}): networks have same bridge name`
    throw new EngineError('forbidden', `cannot create network ${name} (${bridge}): ${reason}`)
  }

  private emit(action: string, { id, name, driver }: Network, more: Record<string, string> = {}): void {
    this.options.events.emit('network', action, id, { ...more, name, type: driver })
  }
}

/** The gateway's address is the host's own. */
function isInside({ subnet, gateway }: Pool, address: Address): boolean {
  return contains(parseSubnet(subnet)!, address) && formatAddress(address) !== gateway
}

const newBridgeName = () => `berth-${randomBytes(4).toString('hex')}`
