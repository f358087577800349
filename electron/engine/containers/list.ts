import type { PortSummary } from '../../../shared/ports'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { containerFilter } from './filters'
import { showEndpoints } from './inspect'
import { namesByLinks } from './links'
import { showMounts } from './mounts'
import { commandOf } from './spec'
import { isLive } from './state'
import { statusText } from './status'
import type { ContainerStore } from './store'

export interface ListRequest {
  all: boolean
  /** Only the newest so many, whatever their state; 0 is no limit. */
  limit: number
  size: boolean
  filters: Map<string, string[]>
}

/** GET /containers/json: newest first. */
export async function listContainers(
  options: ContainersOptions,
  store: ContainerStore,
  { all, limit, size, filters }: ListRequest,
): Promise<Record<string, unknown>[]> {
  const matches = containerFilter(filters, {
    store,
    imageId: (reference) => orNone(() => options.images.resolve(reference).id),
    networkName: (reference) => orNone(() => options.networks.resolve(reference).name),
  })
  // A filter on the state says itself which containers are meant.
  const everything = all || limit > 0 || filters.has('status')
  const shown = store
    .all()
    .filter(
      (container) =>
        (everything || isLive(container.state) || container.state.status === 'restarting') && matches(container),
    )
    .reverse()
    .slice(0, limit > 0 ? limit : undefined)
  const sizes = size ? await sizesOf(options, shown) : undefined
  const now = Date.now()
  const byLinks = namesByLinks(store)
  const named = new Map<string, string | undefined>()
  const imageNow = (name: string) => {
    if (!named.has(name))
      named.set(
        name,
        orNone(() => options.images.resolve(name).id),
      )
    return named.get(name)
  }
  return shown.map((container) => {
    const names = [...(byLinks.get(container.id) ?? []), `/${container.name}`]
    const {
      image,
      settings: { config },
    } = container
    // A name that is gone, or another image's by now, would mislead.
    const shownImage = imageNow(config.Image) === image ? config.Image : image
    return { ...summary(container, names, now), Image: shownImage, ...sizes?.get(container.id) }
  })
}

/** A filter that names what is not there matches nothing. */
function orNone<T>(find: () => T): T | undefined {
  try {
    return find()
  } catch {
    return undefined
  }
}

function summary(container: Container, names: string[], now: number): Record<string, unknown> {
  const { id, image, created, settings, state } = container
  const { config, hostConfig, mounts } = settings
  return {
    Id: id,
    Names: names,
    ImageID: image,
    Command: commandOf(config).map(quoted).join(' '),
    Created: Math.floor(created / 1000),
    Ports: portsOf(container),
    Labels: config.Labels,
    State: state.status,
    Status: statusText(container, now),
    HostConfig: { NetworkMode: hostConfig.NetworkMode },
    NetworkSettings: { Networks: showEndpoints(container) },
    Mounts: showMounts(mounts, hostConfig.Tmpfs ?? {}),
  }
}

/** A word with a blank is shown as the shell would need it. */
function quoted(word: string): string {
  return word.includes(' ') ? `'${word}'` : word
}

function portsOf({ settings, state }: Container): PortSummary[] {
  if (!isLive(state)) return []
  const published = state.ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
    IP: hostIp,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol as string,
  }))
  const exposed = Object.keys(settings.config.ExposedPorts ?? {}).map((key) => {
    const [port, protocol = 'tcp'] = key.split('/')
    return { PrivatePort: Number(port), Type: protocol }
  })
  const isPublished = (port: PortSummary) =>
    published.some(({ PrivatePort, Type }) => PrivatePort === port.PrivatePort && Type === port.Type)
  return [...exposed.filter((port) => !isPublished(port)), ...published]
}

/** SizeRw and SizeRootFs in bytes, by container id: one round trip to the agent for all. */
export async function sizesOf(
  { guest, images }: ContainersOptions,
  containers: readonly Container[],
): Promise<Map<string, { SizeRw: number; SizeRootFs: number }>> {
  const { sizes } = await guest().call('container.sizes', { ids: containers.map(({ id }) => id) })
  return new Map(
    containers.map(({ id, image }) => {
      const own = sizes[id] ?? 0
      return [id, { SizeRw: own, SizeRootFs: images.size(image) + own }]
    }),
  )
}
