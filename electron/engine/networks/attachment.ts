import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import type { GuestEndpoint } from '../../machine/contract'
import { macOf, parseAddress } from './addresses'
import { prefixOf } from './ipam'
import { familyOf, isUserDefined, mtuOf, option, type Network } from './network'

/** What a container wants of its place in a network. */
export interface Wish {
  address?: string
  address6?: string
  /** More addresses of the interface, given as they are; nobody else is told of them. */
  linkLocal: string[]
  mac?: string
  /** Names that others on the network resolve, the container's own first. */
  dnsNames: string[]
  /** Names that only this container resolves, with what they stand for. */
  links: Record<string, string>
  /** The place with the highest one gives the default route. */
  priority: number
}

/** One container's place in one network; kept with the container's state while it runs. '' and 0 where there is none. */
export interface Attachment {
  networkId: string
  /** The network's name. */
  name: string
  endpointId: string
  /** What the agent needs to make it. */
  guest: GuestEndpoint
  address: string
  prefixLength: number
  gateway: string
  address6: string
  prefixLength6: number
  gateway6: string
  mac: string
  userDefined: boolean
  internal: boolean
  dnsNames: string[]
  links: Record<string, string>
  priority: number
}

/** The place of a container with these addresses ('' for none); the first interface is eth0. */
export function attachmentOf(network: Network, wish: Wish, address: string, address6: string): Attachment {
  const mac = wish.mac || (address ? macOf(parseAddress(address)!) : randomMac())
  const gatewayOf = (family: 4 | 6, own: string) =>
    own && !network.internal ? network.pools.find((pool) => familyOf(pool) === family)!.gateway : ''
  const withPrefix = (own: string) => (own ? [`${own}/${prefixOf(network, own)}`] : [])
  return {
    networkId: network.id,
    name: network.name,
    endpointId: randomBytes(32).toString('hex'),
    guest: {
      name: `${network.options[option.interfacePrefix] ?? 'eth'}0`,
      bridge: network.bridge,
      hostName: `veth${randomBytes(4).toString('hex').slice(0, 7)}`,
      mac,
      addresses: [...withPrefix(address), ...withPrefix(address6), ...wish.linkLocal.map(linkLocal)],
      gateways: [],
      mtu: mtuOf(network),
    },
    address,
    prefixLength: address ? prefixOf(network, address) : 0,
    gateway: gatewayOf(4, address),
    address6,
    prefixLength6: address6 ? prefixOf(network, address6) : 0,
    gateway6: gatewayOf(6, address6),
    mac,
    userDefined: isUserDefined(network),
    internal: network.internal,
    dnsNames: wish.dnsNames,
    links: wish.links,
    priority: wish.priority,
  }
}

/** With the prefix length that RFC 3927 and RFC 4291 give link-local addresses. */
const linkLocal = (address: string) => `${address}/${isIP(address) === 4 ? 16 : 64}`

function randomMac(): string {
  return ['02', '42', ...Array.from(randomBytes(4), (byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/**
 * The places of one container with what depends on all of them: each interface a name that no other has, and one default
 * route a family, over the place with the highest priority; among equals the network whose name comes first.
 */
export function arranged(attachments: readonly Attachment[]): Attachment[] {
  const names = new Set<string>()
  const route4 = gatewayPlace(attachments, 'gateway')
  const route6 = gatewayPlace(attachments, 'gateway6')
  return attachments.map((attachment) => {
    const [, prefix, number] = /^(.*?)(\d+)$/.exec(attachment.guest.name)!
    let name = attachment.guest.name
    for (let i = Number(number); names.has(name); i++) name = `${prefix}${i}`
    names.add(name)
    const gateways = [
      ...(attachment === route4 ? [attachment.gateway] : []),
      ...(attachment === route6 ? [attachment.gateway6] : []),
    ]
    return { ...attachment, guest: { ...attachment.guest, name, gateways } }
  })
}

/** The place over which a container reaches the outside, if there is one. */
export function gatewayPlace(
  attachments: readonly Attachment[],
  gateway: 'gateway' | 'gateway6' = 'gateway',
): Attachment | undefined {
  const candidates = attachments.filter((attachment) => attachment[gateway] !== '')
  return candidates.sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))[0]
}
