import { EngineError, messageOf } from '../errors'
import type { Attachment } from '../networks/attachment'
import type { HostConfig } from './config'
import type { Container } from './container'
import { linksOf, parseLink } from './endpoints'
import { isLive } from './state'
import type { ContainerStore } from './store'

/** A link (--link) of the default bridge: names and variables in the one container for another one there. */
export interface Link {
  alias: string
  target: Container
  address: string
}

/**
 * The links of a container that has a place on the default bridge. Throws in Docker's words when one leads to a container
 * that does not run or is not on that bridge.
 */
export function legacyLinks(store: ContainerStore, container: Container, attachments: readonly Attachment[]): Link[] {
  if (!attachments.some(({ name }) => name === 'bridge')) return []
  return (container.settings.hostConfig.Links ?? []).map(parseLink).map(({ target: reference, alias }) => {
    const target = store.find(reference)
    const names = `/${target.name} AS /${container.name}/${alias}`
    if (!isLive(target.state)) throw new EngineError('internal', `Cannot link to a non running container: ${names}`)
    const place = target.state.attachments.find(({ name }) => name === 'bridge')
    if (!place) {
      const reason = 'as it does not belong to the default network'
      throw new EngineError('internal', `Cannot link to /${target.name}, ${reason}`)
    }
    return { alias, target, address: place.address }
  })
}

/** The environment variables that Docker's links bring, NAME=VALUE. */
export function linkVariables(owner: Container, links: readonly Link[]): string[] {
  return links.flatMap(({ alias, target, address }) => {
    const prefix = alias.toUpperCase().replaceAll('-', '_')
    const { ExposedPorts, Env } = target.settings.config
    const ports = Object.keys(ExposedPorts ?? {})
      .map((key) => key.split('/'))
      .map(([port, protocol = 'tcp']) => ({ port: Number(port), protocol }))
      .sort((a, b) => order(a.protocol).localeCompare(order(b.protocol)) || a.port - b.port)
    const [first] = ports
    return [
      ...(first ? [`${prefix}_PORT=${first.protocol}://${address}:${first.port}`] : []),
      ...ports.flatMap(({ port, protocol }) => {
        const name = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
        return [
          `${name}=${protocol}://${address}:${port}`,
          `${name}_ADDR=${address}`,
          `${name}_PORT=${port}`,
          `${name}_PROTO=${protocol}`,
        ]
      }),
      `${prefix}_NAME=/${owner.name}/${alias}`,
      ...(Env ?? [])
        .filter((variable) => !/^(HOME|PATH)=/.test(variable))
        .map((variable) => `${prefix}_ENV_${variable}`),
    ]
  })
}

/** TCP first. */
const order = (protocol: string) => (protocol === 'tcp' ? '' : protocol)

/** Throws 'notFound' for a link to a container that is not there. */
export function checkLinks(store: ContainerStore, { Links, NetworkMode }: HostConfig): void {
  if (NetworkMode !== 'bridge') return
  for (const { target } of (Links ?? []).map(parseLink)) {
    try {
      store.find(target)
    } catch (error) {
      throw new EngineError('notFound', `could not get container for ${target}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** `HostConfig.Links` as inspect shows them: those of the default bridge only. */
export function showLinks(container: Container): string[] | null {
  const links = linksOf(container)
  return links.length > 0 ? links.map(({ target, alias }) => `/${target}:/${container.name}/${alias}`) : null
}

/** Names that links give to containers, "/OWNER/ALIAS" by the id of what they lead to. */
export function namesByLinks(store: ContainerStore): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const owner of store.all()) {
    for (const { alias } of linksOf(owner)) {
      const name = `/${owner.name}/${alias}`
      const target = store.linked(name)
      if (target) names.set(target.id, [...(names.get(target.id) ?? []), name])
    }
  }
  return names
}

/**
 * Takes a link away by its name, OWNER/ALIAS; a running owner keeps it until its next start. Throws 'notFound', and
 * 'internal' in Docker's words for a container's own name.
 */
export function removeLink(store: ContainerStore, reference: string): void {
  store.find(reference)
  const [ownersName = '', alias] = reference.replace(/^\//, '').split('/')
  if (alias === undefined) {
    throw new EngineError('internal', 'Conflict, cannot remove the default link name of the container')
  }
  const owner = store.find(ownersName)
  const { hostConfig } = owner.settings
  const Links = (hostConfig.Links ?? []).filter((link) => parseLink(link).alias !== alias)
  owner.settings = { ...owner.settings, hostConfig: { ...hostConfig, Links } }
  store.saveAll(owner)
}
