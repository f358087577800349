import { isIP } from 'node:net'
import { EngineError } from '../errors'
import type { Wish } from '../networks/attachment'
import { addressProblem } from '../networks/ipam'
import { isUserDefined, type Network } from '../networks/network'
import { joined } from '../networks/request'
import type { Config, EndpointSettings, HostConfig } from './config'
import type { Container, Endpoint } from './container'
import type { ContainersOptions } from './deps'

export const plainEndpoint: EndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: '',
  DriverOpts: null,
  GwPriority: 0,
}

/**
 * What a container asks of each of its networks, by network name: that of --network first, and any more that the request
 * names. Throws 'notFound' for a network that is not there, 'invalid' in Docker's words for what can't be.
 */
export function endpointsOf(
  { NetworkMode: mode, Links: links }: HostConfig,
  { MacAddress: mac, NetworkDisabled }: Config,
  asked: Record<string, EndpointSettings | null>,
  networks: ContainersOptions['networks'],
): Record<string, Endpoint> {
  if (mode.startsWith('container:')) return {}
  const main = networks.resolve(NetworkDisabled ? 'none' : mode)
  const named = Object.entries(asked).map(([name, settings]) => ({
    network: networks.resolve(name),
    settings: settings ?? plainEndpoint,
  }))
  const own = named.find(({ network }) => network.id === main.id)?.settings ?? plainEndpoint
  const endpoints: Record<string, Endpoint> = {
    [main.name]: {
      ...own,
      // The command line puts --link there also for the networks that somebody made.
      Links: own.Links ?? (isUserDefined(main) ? links : null),
      MacAddress: own.MacAddress || (mac ?? ''),
      NetworkID: main.id,
    },
  }
  checkMac(mac, own.MacAddress)
  for (const { network, settings } of named) {
    if (network.id !== main.id) checkTogether(main, network)
    endpoints[network.name] ??= { ...settings, NetworkID: network.id }
  }
  for (const [name, endpoint] of Object.entries(endpoints)) checkEndpoint(networks.resolve(name), endpoint)
  return endpoints
}

/** Throws 'invalid' for networks that one container can't be in at once. */
export function checkTogether(one: Network, other: Network): void {
  if (one.driver === 'host' || other.driver === 'host') {
    throw new EngineError(
      'invalid',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    )
  }
  if (one.driver === 'null' || other.driver === 'null') {
    throw new EngineError(
      'invalid',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    )
  }
}

/** Throws 'invalid' in Docker's words, all that is wrong at once; 'unsupported' for options that would be dropped. */
export function checkEndpoint(network: Network, endpoint: EndpointSettings): void {
  const { IPAMConfig: ipam, Aliases: aliases, MacAddress: mac } = endpoint
  const problems: string[] = []
  const wanted = [
    [4, ipam?.IPv4Address],
    [6, ipam?.IPv6Address],
  ] as const
  if (!isUserDefined(network)) {
    if (wanted.some(([, address]) => address)) {
      problems.push('user-specified IP address is supported on user-defined networks only')
    }
    if ((aliases ?? []).length > 0) {
      problems.push('network-scoped aliases are only supported for user-defined networks')
    }
  }
  for (const [family, address] of network.driver === 'bridge' ? wanted : []) {
    const problem = address ? addressProblem(network, family, address) : undefined
    if (problem) problems.push(problem)
  }
  for (const address of ipam?.LinkLocalIPs ?? []) {
    if (!isIP(address)) problems.push(`invalid link-local IP address: ${address}`)
  }
  if (mac && !/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(mac)) problems.push(`invalid MAC address: ${mac}`)
  if (problems.length > 0) throw new EngineError('invalid', `invalid endpoint settings:\n${joined(problems)}`)
}

function checkMac(ofContainer: string | undefined, ofEndpoint: string): void {
  if (ofContainer && ofEndpoint && ofContainer !== ofEndpoint) {
    const reason = 'the container-wide MAC address must match the endpoint-specific MAC address for the main network'
    throw new EngineError('invalid', `${reason}, or be left empty`)
  }
}

/** What the networks service is asked for. */
export function wishOf(container: Container, network: Network, endpoint: EndpointSettings): Wish {
  const { IPAMConfig: ipam, Links: links, MacAddress: mac, GwPriority: priority } = endpoint
  return {
    address: ipam?.IPv4Address || undefined,
    address6: ipam?.IPv6Address || undefined,
    linkLocal: ipam?.LinkLocalIPs ?? [],
    mac: mac.toLowerCase().replaceAll('-', ':') || undefined,
    dnsNames: dnsNamesOf(container, network, endpoint),
    links: Object.fromEntries((links ?? []).map(parseLink).map(({ target, alias }) => [alias, target])),
    priority,
  }
}

/** The names that others resolve, the first is that of PTR answers. */
export function dnsNamesOf(container: Container, network: Network, { Aliases }: EndpointSettings): string[] {
  if (!isUserDefined(network)) return []
  const hostname = container.settings.config.Hostname
  return [...new Set([container.name, ...(Aliases ?? []), container.shortId, ...(hostname ? [hostname] : [])])]
}

/** "TARGET:ALIAS" or "TARGET"; also the form that inspect shows, "/TARGET:/OWNER/ALIAS". Throws 'invalid'. */
export function parseLink(link: string): { target: string; alias: string } {
  const [target = '', alias = target, ...more] = link.split(':')
  if (target === '' || alias === '' || more.length > 0)
    throw new EngineError('invalid', `bad format for links: ${link}`)
  return { target: target.replace(/^\//, ''), alias: alias.slice(alias.lastIndexOf('/') + 1) }
}

/** The links of the default bridge that a container asks for. */
export function linksOf(owner: Container | undefined): { target: string; alias: string }[] {
  const { NetworkMode, Links } = owner?.settings.hostConfig ?? {}
  return NetworkMode === 'bridge' ? (Links ?? []).map(parseLink) : []
}
