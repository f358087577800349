import type { Request } from '../../machine/contract'
import { EngineError } from '../errors'
import { arranged, type Attachment } from '../networks/attachment'
import type { Network } from '../networks/network'
import type { PortBinding } from '../networks/ports'
import type { EndpointSettings } from './config'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { checkEndpoint, checkTogether, dnsNamesOf, wishOf } from './endpoints'
import { hostsOf, resolvConfOf, type FilesContext } from './network-files'
import { publish, publishAgain, republish } from './publish'
import { isLive, type RunningState } from './state'
import type { ContainerStore } from './store'

type StartRequest = Request<'container.start'>

export interface Joined {
  attachments: Attachment[]
  ports: PortBinding[]
  network: StartRequest['network']
}

/** Gives a container its places in its networks and publishes its ports; on failure nothing of it is left. */
export async function join(options: ContainersOptions, store: ContainerStore, container: Container): Promise<Joined> {
  const { hostConfig, endpoints } = container.settings
  const nothing = { attachments: [], ports: [] }
  const mode = hostConfig.NetworkMode
  if (mode.startsWith('container:')) {
    const other = runningPeer(store, mode.slice('container:'.length), 'join network')
    return { ...nothing, network: { mode: 'container', networkOf: other.id, endpoints: [], dns: false } }
  }
  const wanted = Object.entries(endpoints).map(([name, endpoint]) => ({
    network: options.networks.resolve(name),
    endpoint,
  }))
  if (wanted.some(({ network }) => network.driver === 'host')) {
    return { ...nothing, network: { mode: 'host', endpoints: [], dns: false } }
  }
  const bridges = wanted.filter(({ network }) => network.driver === 'bridge')
  if (bridges.length === 0) return { ...nothing, network: { mode: 'none', endpoints: [], dns: false } }
  let attachments: Attachment[] = []
  try {
    for (const { network, endpoint } of bridges) {
      attachments.push(await options.networks.connect(network.id, container, wishOf(container, network, endpoint)))
    }
    attachments = arranged(attachments)
    const ports = await publish(options, container, attachments)
    for (const attachment of attachments) {
      options.networks.adopt(container, attachment)
      options.networks.tell('connect', attachment.networkId, container.id)
    }
    return { attachments, ports, network: guestNetwork(attachments) }
  } catch (error) {
    options.ports.release(container.id)
    for (const { networkId } of attachments) options.networks.disconnect(networkId, container.id)
    throw error
  }
}

/** What the agent is to make of these places. */
function guestNetwork(attachments: readonly Attachment[]): StartRequest['network'] {
  return {
    mode: 'bridge',
    endpoints: attachments.map(({ guest }) => guest),
    dns: attachments.some(({ userDefined }) => userDefined),
  }
}

/** Takes back what `join` gave. */
export function leave(options: ContainersOptions, id: string, attachments: readonly Attachment[]): void {
  options.ports.release(id)
  for (const { networkId } of attachments) {
    options.networks.disconnect(networkId, id)
    options.networks.tell('disconnect', networkId, id)
  }
}

/** Restores what `join` gave to a container that went on while the engine was away. */
export async function rejoin(options: ContainersOptions, container: Container): Promise<void> {
  if (!isLive(container.state)) return
  const { attachments, ports } = container.state
  for (const attachment of attachments) options.networks.adopt(container, attachment)
  await publishAgain(options, container, attachments, ports)
}

/**
 * Puts a container into one more network: a running one at once, another at its next start. Throws in Docker's words:
 * 'invalid' where it can't be, 'forbidden' when it is in it or the address is taken.
 */
export async function connect(
  options: ContainersOptions,
  store: ContainerStore,
  container: Container,
  network: Network,
  settings: EndpointSettings,
): Promise<void> {
  await container.exclusive(async () => {
    checkChange(container)
    const { hostConfig, endpoints } = container.settings
    if (hostConfig.NetworkMode.startsWith('container:')) {
      checkTogether({ ...network, driver: 'host' }, network)
    }
    if (network.driver === 'host') {
      throw new EngineError(
        'invalid',
        'cannot connect container to host network - container must be created in host network mode',
      )
    }
    for (const name of Object.keys(endpoints)) {
      if (name !== network.name) checkTogether(options.networks.resolve(name), network)
    }
    checkEndpoint(network, settings)
    const endpoint = { ...settings, NetworkID: network.id }
    const { state } = container
    if (isLive(state)) {
      if (network.name in endpoints) {
        const reason = `endpoint with name ${container.name} already exists in network ${network.name}`
        throw new EngineError('forbidden', reason)
      }
      const added = await options.networks.connect(network.id, container, wishOf(container, network, endpoint))
      try {
        await change({ options, store }, container, state, [...state.attachments, added])
      } catch (error) {
        options.networks.disconnect(network.id, container.id)
        throw error
      }
      options.networks.tell('connect', network.id, container.id)
    }
    endpoints[network.name] ??= endpoint
    store.saveAll(container)
  })
}

/**
 * Takes a container out of a network, by its name: also out of one that is gone. Throws 'internal' when it is not in it,
 * as dockerd does, and 'invalid' for the host's network.
 */
export async function disconnect(
  options: ContainersOptions,
  store: ContainerStore,
  container: Container,
  name: string,
): Promise<void> {
  await container.exclusive(async () => {
    checkChange(container)
    const { endpoints, hostConfig } = container.settings
    const { state } = container
    if (isLive(state) && hostConfig.NetworkMode === 'host' && name === 'host') {
      throw new EngineError(
        'invalid',
        'cannot disconnect container from host network - container was created in host network mode',
      )
    }
    if (!(name in endpoints)) {
      const reason = `container ${container.id} is not connected to ${isLive(state) ? '' : 'the '}network ${name}`
      throw new EngineError('internal', reason)
    }
    const left = isLive(state) && state.attachments.find((attachment) => attachment.name === name)
    if (left) {
      const others = state.attachments.filter((attachment) => attachment !== left)
      await change({ options, store }, container, state, others)
      options.networks.disconnect(left.networkId, container.id)
      options.networks.tell('disconnect', left.networkId, container.id)
    }
    delete endpoints[name]
    store.saveAll(container)
  })
}

function checkChange({ id, state }: Container): void {
  if (state.status === 'removing' || state.status === 'dead') {
    const reason = `Container ${id} is marked for removal and cannot be connected or disconnected to the network`
    throw new EngineError('internal', reason)
  }
}

/** Gives a running container other places: in the guest, in its files, in its state and for its ports. */
async function change(
  context: FilesContext,
  container: Container,
  state: RunningState,
  places: readonly Attachment[],
): Promise<void> {
  const { options } = context
  const attachments = arranged(places)
  const edit = async (path: string, of: (places: readonly Attachment[]) => Promise<string>) => ({
    path,
    before: await of(state.attachments),
    after: await of(attachments),
  })
  const edits = await Promise.all([
    edit('/etc/hosts', (of) => hostsOf(context, container, of)),
    edit('/etc/resolv.conf', (of) => resolvConfOf(context, container, of)),
  ])
  const changed = edits.filter(({ before, after }) => before !== after)
  await options.guest().call('container.network', {
    id: container.id,
    network: guestNetwork(attachments),
    edits: changed,
  })
  for (const attachment of attachments) options.networks.adopt(container, attachment)
  const ports = await republish(options, container, attachments, state.ports)
  container.state = { ...state, attachments, ports }
}

/** After a rename: the names that others resolve. The store is to be saved afterwards. */
export function renamed({ networks }: Pick<ContainersOptions, 'networks'>, container: Container): void {
  const { state, settings } = container
  if (!isLive(state)) return
  const attachments = state.attachments.map((attachment) => {
    const endpoint = settings.endpoints[attachment.name]!
    return { ...attachment, dnsNames: dnsNamesOf(container, networks.resolve(attachment.networkId), endpoint) }
  })
  for (const attachment of attachments) networks.adopt(container, attachment)
  container.state = { ...state, attachments }
}

/** The running container that --network or --pid container:X names. Throws 'notFound', and 'conflict' when it rests. */
export function runningPeer(store: ContainerStore, reference: string, purpose: string): Container {
  const other = store.find(reference)
  if (!isLive(other.state)) {
    throw new EngineError('conflict', `cannot ${purpose} of a non running container: ${other.id}`)
  }
  return other
}
