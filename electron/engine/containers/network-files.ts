import { readFile } from 'node:fs/promises'
import type { Request } from '../../machine/contract'
import type { Attachment } from '../networks/attachment'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { legacyLinks } from './links'
import { isLive } from './state'
import type { ContainerStore } from './store'

/** Where containers on user-defined networks ask for names, as with dockerd. */
const embeddedServer = '127.0.0.11'

/** What the files are made from: the engine and its containers. */
export interface FilesContext {
  options: ContainersOptions
  store: ContainerStore
}

/** /etc/hostname, /etc/hosts and /etc/resolv.conf; where the container mounts something of its own, that stays. */
export async function filesOf(
  context: FilesContext,
  container: Container,
  attachments: readonly Attachment[],
): Promise<Request<'container.start'>['files']> {
  const { hostConfig, mounts, config } = container.settings
  if (hostConfig.NetworkMode.startsWith('container:')) {
    const other = context.store.find(hostConfig.NetworkMode.slice('container:'.length))
    return filesOf(context, other, isLive(other.state) ? other.state.attachments : [])
  }
  const mounted = new Set(mounts.map(({ destination }) => destination))
  const [hosts, resolvConf] = await Promise.all([
    hostsOf(context, container, attachments),
    resolvConfOf(context, container, attachments),
  ])
  return [
    { path: '/etc/hostname', content: `${config.Hostname}\n`, mode: 0o644 },
    { path: '/etc/hosts', content: hosts, mode: 0o644 },
    { path: '/etc/resolv.conf', content: resolvConf, mode: 0o644 },
  ].filter(({ path }) => !mounted.has(path))
}

/** /etc/hosts as dockerd writes it; with --network host that of the host, where the containers' host is this computer. */
export async function hostsOf(
  { options, store }: FilesContext,
  container: Container,
  attachments: readonly Attachment[],
): Promise<string> {
  const { config, hostConfig } = container.settings
  const names = config.Domainname ? `${config.Hostname}.${config.Domainname} ${config.Hostname}` : config.Hostname
  const extra = (hostConfig.ExtraHosts ?? []).map((entry) => {
    const [, name, address] = /^([^:=]+)[:=](.*)$/.exec(entry)!
    return `${address === 'host-gateway' ? options.networks.hostGateway() : address!.replace(/^\[|\]$/g, '')}\t${name}`
  })
  if (hostConfig.NetworkMode === 'host' && options.features().hostNetwork) {
    const own = await readFile('/etc/hosts', 'utf8').catch(() => '')
    return [own.replace(/\n$/, ''), ...extra].join('\n') + '\n'
  }
  const links = legacyLinks(store, container, attachments).map(
    ({ alias, target, address }) =>
      `${address}\t${[...new Set([alias, target.settings.config.Hostname, target.name])].join(' ')}`,
  )
  const own = attachments
    .flatMap(({ address, address6 }) => [address, address6])
    .filter((address) => address !== '')
    .map((address) => `${address}\t${names}`)
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...extra,
    ...links,
    ...own,
  ]
  return lines.join('\n') + '\n'
}

/** /etc/resolv.conf: search domains and options are this computer's where the container has none of its own. */
export async function resolvConfOf(
  { options }: FilesContext,
  { settings: { hostConfig } }: Container,
  attachments: readonly Attachment[],
): Promise<string> {
  const own = await hostResolver()
  const isEmbedded = attachments.some(({ userDefined }) => userDefined)
  const servers = hostConfig.Dns.length > 0 ? hostConfig.Dns : serversOf(options, attachments)
  const search = hostConfig.DnsSearch.length > 0 ? hostConfig.DnsSearch : own.search
  const asked = hostConfig.DnsOptions.length > 0 ? hostConfig.DnsOptions : own.options
  const settings = isEmbedded && !asked.some((option) => option.startsWith('ndots:')) ? [...asked, 'ndots:0'] : asked
  // "." alone stands for no search domain at all.
  const domains = search.filter((domain) => domain !== '.')
  const lines = [
    ...(isEmbedded ? [embeddedServer] : servers).map((address) => `nameserver ${address}`),
    ...(domains.length > 0 ? [`search ${domains.join(' ')}`] : []),
    ...(settings.length > 0 ? [`options ${settings.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** On the host's network the host's own servers can be reached, its loopback too. */
function serversOf({ networks, facts }: ContainersOptions, attachments: readonly Attachment[]): string[] {
  return attachments.length > 0 ? networks.nameservers() : facts().resolvers
}

/** Search domains and options of this computer's resolv.conf(5); the last line of each counts. */
async function hostResolver(): Promise<{ search: string[]; options: string[] }> {
  const found = { search: [] as string[], options: [] as string[] }
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '')
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'search' || word === 'domain') found.search = rest
    if (word === 'options') found.options = rest
  }
  return found
}
