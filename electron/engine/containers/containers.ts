import type { GuestEvent, Reply } from '../../machine/contract'
import { EngineError, messageOf } from '../errors'
import { gatewayPlace } from '../networks/attachment'
import type { Asker } from '../networks/dns'
import type { Network } from '../networks/network'
import { Archives } from './archive'
import type { Container } from './container'
import type { CreateBody, EndpointSettings } from './config'
import { createContainer } from './create'
import type { ContainersOptions } from './deps'
import { attributesOf } from './events'
import { Execs } from './execs'
import { HealthMonitor } from './health'
import { Lifecycle } from './lifecycle'
import { checkName } from './names'
import { connect, disconnect, renamed } from './network'
import { reconcile } from './reconcile'
import { Roots } from './roots'
import { isLive } from './state'
import { StatsSampler } from './stats'
import { ContainerStore } from './store'

/** The containers of this engine: how they are made, found, and what happens to them. */
export class Containers {
  readonly store: ContainerStore
  readonly roots: Roots
  readonly archives: Archives
  readonly lifecycle: Lifecycle
  readonly execs: Execs
  readonly stats: StatsSampler
  private readonly health: HealthMonitor

  constructor(readonly options: ContainersOptions) {
    this.store = new ContainerStore(options.db)
    this.roots = new Roots(options)
    this.archives = new Archives(options, this.roots)
    this.lifecycle = new Lifecycle(options, this.store, this.roots)
    this.execs = new Execs(options)
    this.stats = new StatsSampler(options)
    this.health = new HealthMonitor(options, this.store, this.execs)
  }

  /** See ContainerStore.find. */
  find(reference: string): Container {
    return this.store.find(reference)
  }

  /** See createContainer. */
  create(request: { name: string; platform: string | undefined; body: CreateBody }) {
    return createContainer(this.options, this.store, request)
  }

  /** Throws 'invalid' for a bad name and 'conflict' for a taken one. */
  rename(container: Container, newName: string): void {
    if (newName === '') throw new EngineError('invalid', 'Neither old nor new names may be empty')
    const name = checkName(newName)
    const oldName = container.name
    if (name === oldName) {
      throw new EngineError('invalid', 'Renaming a container with the same name as its current name')
    }
    this.store.reserve(name, container.id)
    this.store.release(oldName)
    container.name = name
    renamed(this.options, container)
    this.store.saveAll(container)
    const attributes = attributesOf(container, { oldName: `/${oldName}` })
    this.options.events.emit('container', 'rename', container.id, attributes)
  }

  /** See connect in network.ts. */
  connect(container: Container, network: Network, settings: EndpointSettings): Promise<void> {
    return connect(this.options, this.store, container, network, settings)
  }

  /** See disconnect in network.ts. */
  disconnect(container: Container, networkName: string): Promise<void> {
    return disconnect(this.options, this.store, container, networkName)
  }

  /** Who asks a DNS question: undefined for a container that does not run. */
  dnsAsker(id: string): Omit<Asker, 'places'> | undefined {
    const container = this.store.get(id)
    if (!container || !isLive(container.state)) return undefined
    const { Dns, DnsOptions } = container.settings.hostConfig
    return {
      outside: gatewayPlace(container.state.attachments) !== undefined,
      servers: Dns.length > 0 ? Dns : undefined,
      ndots: DnsOptions.some((option) => /^ndots:[1-9]/.test(option)),
    }
  }

  /** Removes those that ended, or never ran, and satisfy the test; answers their ids and the bytes that came back. */
  async prune(
    test: (container: Container) => boolean,
  ): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }> {
    const ended = this.store
      .all()
      .filter(({ state }) => state.status === 'exited' || state.status === 'created' || state.status === 'dead')
    const candidates = ended.filter(test)
    const { sizes } = await this.options.guest().call('container.sizes', { ids: candidates.map(({ id }) => id) })
    const deleted: string[] = []
    for (const container of candidates) {
      // One that was started meanwhile stays.
      if (isLive(container.state)) continue
      await this.lifecycle.remove(container, { force: false, volumes: false })
      deleted.push(container.id)
    }
    const SpaceReclaimed = deleted.reduce((sum, id) => sum + (sizes[id] ?? 0), 0)
    this.options.events.emit('container', 'prune', '', { reclaimed: String(SpaceReclaimed) })
    return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed }
  }

  /** What the agent tells as it happens. */
  onGuestEvent(event: GuestEvent): void {
    const container = this.store.get(event.id)
    if (!container) return
    if (event.type === 'execExit') this.execs.exited(event)
    else if (event.type === 'oom') this.lifecycle.outOfMemory(container)
    else {
      this.execs.containerExited(container)
      void this.lifecycle.exited(container, event).catch((error: unknown) => {
        this.options.log(`container ${container.shortId}: ${messageOf(error)}`)
      })
    }
  }

  /**
   * To be called with the agent's hello, after each connection to it. `fresh`: the engine or the machine was started, and
   * what policies want running with it.
   */
  async reconcile(hello: Reply<'hello'>, fresh: boolean): Promise<void> {
    this.lifecycle.open()
    this.roots.forget()
    await reconcile(this.options, this.store, this.lifecycle, hello, fresh)
    for (const container of this.store.all()) if (container.state.status === 'running') this.health.begin(container)
  }

  /** The containers made from an image. */
  usingImage(imageId: string): { id: string; name: string; running: boolean }[] {
    return this.store
      .all()
      .filter(({ image }) => image === imageId)
      .map(({ id, name, state }) => ({ id, name, running: isLive(state) }))
  }

  /** Ids of the containers that have a volume mounted, running or not. */
  usingVolume(volume: string): string[] {
    return this.store
      .all()
      .filter(({ settings }) => settings.mounts.some(({ type, name }) => type === 'volume' && name === volume))
      .map(({ id }) => id)
  }

  counts(): { total: number; running: number; paused: number; stopped: number } {
    const all = this.store.all()
    const running = all.filter(({ state }) => state.status === 'running').length
    const paused = all.filter(({ state }) => state.status === 'paused').length
    return { total: all.length, running, paused, stopped: all.length - running - paused }
  }

  /** Whether one has a process, or waits for its next start. */
  inUse(): boolean {
    return this.store.all().some(({ state }) => isLive(state) || state.status === 'restarting')
  }

  /** No restarts until the next `reconcile`: the machine goes down. */
  hold(): void {
    this.lifecycle.close()
  }

  /** No restarts from now on: the engine goes down. Containers are left alone. */
  async stop(): Promise<void> {
    this.hold()
    this.health.close()
    await Promise.all(this.store.all().map((container) => container.settled()))
  }
}
