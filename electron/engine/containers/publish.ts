import { EngineError } from '../errors'
import { gatewayPlace, type Attachment } from '../networks/attachment'
import { option } from '../networks/network'
import type { PortBinding, PortTarget } from '../networks/ports'
import type { HostConfig } from './config'
import type { Container } from './container'
import type { ContainersOptions } from './deps'

/** A port to publish on any one host port from first to last; both 0 is any free one. */
export interface WantedPort {
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

/**
 * Publishes a container's ports, all or none, so that they reach it at the place that has its default route; a container
 * that only internal networks hold has none. Ranges are tried together from their first ports up.
 */
export async function publish(
  { ports, networks }: Pick<ContainersOptions, 'ports' | 'networks'>,
  { id, name, settings }: Container,
  attachments: readonly Attachment[],
): Promise<PortBinding[]> {
  const place = outerPlace(attachments)
  const wanted = place ? wantedPorts(settings.hostConfig, settings.config.ExposedPorts ?? {}) : []
  if (!place || wanted.length === 0) return []
  const address = networks.resolve(place.networkId).options[option.bindingAddress] ?? ''
  const tries = Math.max(...wanted.map(({ first, last }) => last - first))
  for (let offset = 0; ; offset++) {
    const bindings = wanted.map(({ hostIp, first, last, ...port }) => ({
      ...port,
      hostIp: hostIp || (address === '0.0.0.0' ? '' : address),
      hostPort: Math.min(first + offset, last),
    }))
    try {
      return await ports.publish(id, bindings, targetOf(name, place, attachments))
    } catch (error) {
      if (offset >= tries || !(error instanceof EngineError)) throw error
    }
  }
}

/** The ports of a running container after its places have changed: they stay, and reach it where it is now. */
export async function republish(
  options: Pick<ContainersOptions, 'ports' | 'networks'>,
  container: Container,
  attachments: readonly Attachment[],
  published: PortBinding[],
): Promise<PortBinding[]> {
  const place = outerPlace(attachments)
  if (published.length === 0) return publish(options, container, attachments)
  if (place) {
    options.ports.retarget(container.id, targetOf(container.name, place, attachments))
    return published
  }
  options.ports.release(container.id)
  return []
}

/** Publishes again exactly what was published before the engine ended. */
export async function publishAgain(
  { ports }: Pick<ContainersOptions, 'ports'>,
  { id, name }: Container,
  attachments: readonly Attachment[],
  published: PortBinding[],
): Promise<void> {
  const place = outerPlace(attachments)
  if (place && published.length > 0) await ports.publish(id, published, targetOf(name, place, attachments))
}

/** Where connections from outside reach a container. */
function outerPlace(attachments: readonly Attachment[]): Attachment | undefined {
  return gatewayPlace(attachments) ?? gatewayPlace(attachments, 'gateway6')
}

function targetOf(name: string, place: Attachment, attachments: readonly Attachment[]): PortTarget {
  return {
    address: place.address || place.address6,
    endpoint: `${name} (${place.endpointId})`,
    networks: attachments.map(({ networkId }) => networkId),
  }
}
