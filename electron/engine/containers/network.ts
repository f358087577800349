import type { GuestFacts, Request } from '../../machine/contract'
import { EngineError } from '../errors'
import type { Attachment } from '../networks/networks'
import type { PortBinding } from '../networks/ports'
import type { Container } from './container'
import type { HostConfig } from './config'
import type { ContainersOptions } from './deps'
import { isLive } from './state'
import type { ContainerStore } from './store'

type StartRequest = Request<'container.start'>

export interface Joined {
  attachments: Attachment[]
  ports: PortBinding[]
  network: StartRequest['network']
}

/** Gives a container its places in its networks and publishes its ports; on failure nothing of it is left. */
export async function join(options: ContainersOptions, store: ContainerStore, container: Container): Promise<Joined> {
  const { hostConfig, config, endpoints } = container.settings
  const mode = hostConfig.NetworkMode
  if (mode.startsWith('container:')) {
    const other = runningPeer(store, mode.slice('container:'.length), 'join network')
    return { attachments: [], ports: [], network: { mode: 'container', networkOf: other.id, endpoints: [] } }
  }
  const { driver } = options.networks.resolve(mode)
  if (driver === 'host') return { attachments: [], ports: [], network: { mode: 'host', endpoints: [] } }
  if (driver === 'null') return { attachments: [], ports: [], network: { mode: 'none', endpoints: [] } }
  const attachments: Attachment[] = []
  try {
    for (const [name, settings] of Object.entries(endpoints)) {
      const attachment = await options.networks.connect(name, {
        id: container.id,
        name: container.name,
        address: settings.IPAMConfig?.IPv4Address || undefined,
        mac: settings.MacAddress || undefined,
      })
      attachments.push(numbered(attachment, attachments.length))
    }
    const ports = await publish(options, container, wantedPorts(hostConfig, config.ExposedPorts ?? {}), attachments[0]!)
    const endpointsOfGuest = attachments.map(({ guest }) => guest)
    return { attachments, ports, network: { mode: 'bridge', endpoints: endpointsOfGuest } }
  } catch (error) {
    leave(options, container.id, attachments)
    throw error
  }
}

/** Takes back what `join` gave. */
export function leave(options: ContainersOptions, id: string, attachments: readonly Attachment[]): void {
  options.ports.release(id)
  for (const { networkId } of attachments) options.networks.disconnect(networkId, id)
}

/** Restores what `join` gave to a container that went on while the engine was away. */
export async function rejoin(options: ContainersOptions, container: Container): Promise<void> {
  if (!isLive(container.state)) return
  const { attachments, ports } = container.state
  const { id, name } = container
  for (const attachment of attachments) {
    options.networks.adopt({ id, name, address: attachment.address, mac: attachment.mac }, attachment)
  }
  if (attachments[0] && ports.length > 0) await publish(options, container, ports.map(exactly), attachments[0])
}

/** The running container that --network or --pid container:X names. Throws 'notFound', and 'conflict' when it rests. */
export function runningPeer(store: ContainerStore, reference: string, purpose: string): Container {
  const other = store.find(reference)
  if (!isLive(other.state)) {
    throw new EngineError('conflict', `cannot ${purpose} of a non running container: ${other.id}`)
  }
  return other
}

/** A port to publish on any one host port from first to last; both 0 is any free one. */
interface WantedPort {
  hostIp: string
  first: number
  last: number
  containerPort: number
  protocol: 'tcp' | 'udp' | 'sctp'
}

/** What -p and -P ask for. */
export function wantedPorts(
  hostConfig: Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'>,
  exposed: object,
): WantedPort[] {
  const bindings = { ...hostConfig.PortBindings }
  if (hostConfig.PublishAllPorts)
    for (const key of Object.keys(exposed)) bindings[key] ??= [{ HostIp: '', HostPort: '' }]
  return Object.entries(bindings).flatMap(([key, list]) => {
    const [port, protocol = 'tcp'] = key.split('/')
    return (list ?? []).map(({ HostIp, HostPort }) => {
      const [first, last = first] = HostPort.split('-').map(Number)
      return {
        hostIp: HostIp,
        first: first!,
        last: last!,
        containerPort: Number(port),
        protocol: protocol as WantedPort['protocol'],
      }
    })
  })
}

function exactly({ hostPort, ...port }: PortBinding): WantedPort {
  return { ...port, first: hostPort, last: hostPort }
}

/** Publishes all or none. Ranges are tried together from their first ports up. */
async function publish(
  options: ContainersOptions,
  { id, name }: Container,
  wanted: WantedPort[],
  { address, endpointId }: Attachment,
): Promise<PortBinding[]> {
  if (wanted.length === 0) return []
  const target = { address, endpoint: `${name} (${endpointId})` }
  const tries = Math.max(...wanted.map(({ first, last }) => last - first))
  for (let offset = 0; ; offset++) {
    const bindings = wanted.map(({ first, last, ...port }) => ({ ...port, hostPort: Math.min(first + offset, last) }))
    try {
      return await options.ports.publish(id, bindings, target)
    } catch (error) {
      if (offset >= tries) throw error
    }
  }
}

function numbered(attachment: Attachment, index: number): Attachment {
  if (index === 0) return attachment
  // One default route: that of the first network.
  return { ...attachment, guest: { ...attachment.guest, name: `eth${index}`, gateway: '' } }
}

/** /etc/hostname, /etc/hosts and /etc/resolv.conf; where the container mounts something of its own, that stays. */
export function filesOf(
  store: ContainerStore,
  container: Container,
  attachments: readonly Attachment[],
  facts: GuestFacts,
): StartRequest['files'] {
  const { hostConfig, mounts } = container.settings
  if (hostConfig.NetworkMode.startsWith('container:')) {
    const other = store.find(hostConfig.NetworkMode.slice('container:'.length))
    return filesOf(store, other, isLive(other.state) ? other.state.attachments : [], facts)
  }
  const mounted = new Set(mounts.map(({ destination }) => destination))
  return [
    { path: '/etc/hostname', content: `${container.settings.config.Hostname}\n`, mode: 0o644 },
    { path: '/etc/hosts', content: hostsOf(container, attachments), mode: 0o644 },
    { path: '/etc/resolv.conf', content: resolvConf(hostConfig, attachments[0]?.dns ?? facts.resolvers), mode: 0o644 },
  ].filter(({ path }) => !mounted.has(path))
}

function hostsOf({ settings: { config, hostConfig } }: Container, attachments: readonly Attachment[]): string {
  const { Hostname: hostname, Domainname: domain } = config
  const names = domain ? `${hostname}.${domain} ${hostname}` : hostname
  const gateway = attachments[0]?.gateway ?? '127.0.0.1'
  const extra = (hostConfig.ExtraHosts ?? []).map((entry) => {
    const [, name, address] = /^([^:=]+)[:=](.*)$/.exec(entry)!
    return `${address === 'host-gateway' ? gateway : address!.replace(/^\[|\]$/g, '')}\t${name}`
  })
  const own =
    attachments.length > 0
      ? attachments.map(({ address }) => `${address}\t${names}`)
      : hostConfig.NetworkMode === 'host'
        ? [`127.0.1.1\t${names}`]
        : []
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...extra,
    ...own,
  ]
  return lines.join('\n') + '\n'
}

function resolvConf({ Dns, DnsSearch, DnsOptions }: HostConfig, nameservers: readonly string[]): string {
  const search = DnsSearch.filter((domain) => domain !== '.')
  const lines = [
    ...(Dns.length > 0 ? Dns : nameservers).map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(DnsOptions.length > 0 ? [`options ${DnsOptions.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
