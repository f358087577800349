import type { Request } from '../../machine/contract'
import { parseSubnet, type Family } from './addresses'

/** A subnet of a network and what is given out of it; all as texts, as they are kept and shown. */
export interface Pool {
  subnet: string
  gateway: string
  /** Addresses are given out of this part of the subnet only. */
  range?: string
  /** Addresses that something else uses, by its name. */
  aux?: Record<string, string>
  /** Chosen by the engine: another one would do as well. */
  chosen?: boolean
}

/** A network as it is kept. Only a bridge has pools and a bridge. */
export interface Network {
  id: string
  name: string
  /** Milliseconds since 1970. */
  created: number
  driver: 'bridge' | 'host' | 'null'
  /** The interface in the guest; '' for other drivers. */
  bridge: string
  pools: Pool[]
  ipv4: boolean
  ipv6: boolean
  internal: boolean
  attachable: boolean
  /** Driver options as they were given. */
  options: Record<string, string>
  labels: Record<string, string>
  ipamOptions: Record<string, string> | null
}

const predefined = ['bridge', 'host', 'none', 'default']

/** Whether every engine has a network of this name. */
export const isPredefined = (name: string) => predefined.includes(name)

/** Names and aliases are there on networks that somebody made, not on the default bridge. */
export const isUserDefined = ({ driver, name }: Network) => driver === 'bridge' && name !== 'bridge'

export const familyOf = ({ subnet }: Pool): Family => parseSubnet(subnet)!.family

export const option = {
  bridgeName: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  icc: 'com.docker.network.bridge.enable_icc',
  bindingAddress: 'com.docker.network.bridge.host_binding_ipv4',
  mtu: 'com.docker.network.driver.mtu',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
} as const

/** Go's strconv.ParseBool; undefined for what it refuses. */
export function parseBoolean(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined
}

export function mtuOf({ options }: Network): number {
  return Number(options[option.mtu]) || 1500
}

/** What the agent needs to make the bridge. */
export function ensureRequest(network: Network): Request<'network.ensure'> {
  const flag = (name: string) => parseBoolean(network.options[name] ?? 'true') ?? true
  return {
    bridge: network.bridge,
    addresses: network.pools.map(({ subnet, gateway }) => `${gateway}/${parseSubnet(subnet)!.prefix}`),
    mtu: mtuOf(network),
    masquerade: flag(option.masquerade),
    icc: flag(option.icc),
    internal: network.internal,
    exclusive: network.pools.some(({ chosen }) => chosen),
    // On others the containers ask inside their own namespace.
    dns: !isUserDefined(network),
  }
}

/** A network as the API shows it, without who is in it. */
export function showNetwork(network: Network): Record<string, unknown> {
  const config = network.pools.map(({ subnet, range, gateway, aux }) => ({
    Subnet: subnet,
    ...(range ? { IPRange: range } : {}),
    Gateway: gateway,
    ...(aux ? { AuxiliaryAddresses: aux } : {}),
  }))
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.created).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: network.ipv4,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: network.ipamOptions,
      Config: network.driver === 'bridge' ? config : null,
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Options: network.options,
    Labels: network.labels,
  }
}
