import type { GuestEvent } from '../../machine/contract'
import { GuestError } from '../../machine/link'
import { EngineError, messageOf } from '../errors'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { attributesOf } from './events'
import { join, leave } from './network'
import { RestartTimers, shouldRestart } from './restart'
import type { Roots } from './roots'
import { exitCodeOfFailure, inRuntimesWords } from './runtime-errors'
import { parseSignal, SIGKILL, SIGTERM } from './signals'
import { commandOf } from './spec'
import { startRequest } from './start-request'
import { endOf, isLive, never, type End } from './state'
import type { ContainerStore } from './store'

const defaultStopTimeout = 10
type ExitEvent = Pick<Extract<GuestEvent, { type: 'exit' }>, 'exitCode' | 'oomKilled' | 'at'> & { reason?: string }

/** From start to exit and removal. Every change of state goes through Container.exclusive. */
export class Lifecycle {
  private readonly restarts = new RestartTimers()
  private stopping = false

  constructor(
    private readonly options: ContainersOptions,
    private readonly store: ContainerStore,
    private readonly roots: Roots,
  ) {}

  /**
   * Starts a created or exited container. Throws 'notModified' when it runs, 'conflict' when it is paused or being
   * removed; a command that is missing or can't be run throws the agent's kinds with Docker's words.
   */
  async start(container: Container): Promise<void> {
    this.restarts.cancel(container.id)
    await container.exclusive(async () => {
      const { status } = container.state
      if (status === 'running') throw new EngineError('notModified', 'container already started')
      if (status === 'paused') {
        throw new EngineError('conflict', 'cannot start a paused container, try unpause instead')
      }
      if (status === 'removing' || status === 'dead') {
        throw new EngineError('conflict', 'container is marked for removal and cannot be started')
      }
      container.restartCount = 0
      container.stoppedByHand = false
      await this.launch(container)
    })
  }

  /** Sends the stop signal, then SIGKILL after the timeout (seconds, -1 for never). Resolves when it has ended. */
  async stop(container: Container, asked: { timeout?: number; signal?: string }): Promise<void> {
    await container.settled()
    if (container.state.status === 'restarting') {
      this.restarts.cancel(container.id)
      container.stoppedByHand = true
      this.become(container, { ...endOf(container.state), status: 'exited' })
      return
    }
    if (!isLive(container.state)) throw new EngineError('notModified', 'container already stopped')
    await this.end(container, asked)
    this.emit(container, 'stop')
  }

  /** Stops it when it runs, and starts it. */
  async restart(container: Container, asked: { timeout?: number; signal?: string }): Promise<void> {
    await container.settled()
    if (isLive(container.state)) {
      await this.end(container, asked)
      this.emit(container, 'stop')
    }
    await this.start(container)
    this.emit(container, 'restart')
  }

  /** Sends a signal by name or number. Throws 'conflict' when it does not run. */
  async kill(container: Container, signalText: string): Promise<void> {
    const signal = parseSignal(signalText || 'KILL')
    await container.settled()
    if (container.state.status === 'restarting') {
      await this.stop(container, {})
      return
    }
    this.mustLive(container, `cannot kill container: ${container.name}: container ${container.id} is not running`)
    const final = signal === SIGKILL || signal === this.stopSignal(container)
    if (final) this.byHand(container)
    const gone = final && signal === SIGKILL ? container.wait('not-running') : undefined
    await this.signal(container, signal)
    await gone
  }

  async pause(container: Container): Promise<void> {
    await container.exclusive(async () => {
      if (container.state.status === 'paused') {
        throw new EngineError('conflict', `container ${container.id} is already paused`)
      }
      const state = this.mustLive(container, `container ${container.id} is not running`)
      await this.options.guest().call('container.pause', { id: container.id })
      this.become(container, { ...state, status: 'paused' })
      this.emit(container, 'pause')
    })
  }

  async unpause(container: Container): Promise<void> {
    await container.exclusive(async () => {
      const { state } = container
      if (state.status !== 'paused') throw new EngineError('conflict', `Container ${container.id} is not paused`)
      await this.options.guest().call('container.resume', { id: container.id })
      this.become(container, { ...state, status: 'running' })
      this.emit(container, 'unpause')
    })
  }

  /** Removes it; `force` kills it first, `volumes` takes its anonymous volumes along. */
  async remove(container: Container, { force, volumes }: { force: boolean; volumes: boolean }): Promise<void> {
    if (container.state.status === 'removing') {
      throw new EngineError('conflict', `removal of container ${container.name} is already in progress`)
    }
    await container.settled()
    const { name, state } = container
    if (!force && (isLive(state) || state.status === 'restarting')) {
      const reason =
        state.status === 'paused'
          ? 'container is paused and must be unpaused first'
          : `container is ${state.status}: stop the container before removing or force remove`
      throw new EngineError('conflict', `cannot remove container "/${name}": ${reason}`)
    }
    this.restarts.cancel(container.id)
    if (isLive(state)) {
      this.byHand(container)
      const gone = container.wait('not-running')
      await this.signal(container, SIGKILL).catch((error: unknown) => {
        // It has ended by itself, and the word of its exit is on the way.
        if (!(error instanceof GuestError) || error.kind !== 'conflict') throw error
      })
      await gone
    }
    await container.exclusive(() => this.destroy(container, volumes))
  }

  /** The agent saw it end. */
  async exited(container: Container, event: ExitEvent): Promise<void> {
    await container.exclusive(async () => {
      const { state } = container
      // Told twice after a lost connection, or of a run before this one.
      if (!isLive(state) || Date.parse(event.at) < Date.parse(state.startedAt)) return
      const end: End = {
        exitCode: event.exitCode,
        error: event.reason ?? '',
        startedAt: state.startedAt,
        finishedAt: event.at,
        oomKilled: event.oomKilled || state.oomKilled,
      }
      const ranFor = Date.parse(event.at) - Date.parse(state.startedAt)
      const again = !this.stopping && this.policyRestarts(container, event.exitCode, false)
      this.become(container, { ...end, status: again ? 'restarting' : 'exited' })
      // The agent went over from the stop signal to SIGKILL by itself.
      const wasKilled = event.exitCode === 128 + SIGKILL && performance.now() >= container.killedFrom
      if (wasKilled) this.emit(container, 'kill', { signal: String(SIGKILL) })
      this.emit(container, 'die', {
        exitCode: String(event.exitCode),
        execDuration: String(Math.max(0, Math.floor(ranFor / 1000))),
      })
      leave(this.options, container.id, state.attachments)
      for (const { name } of volumesOf(container)) {
        this.options.events.emit('volume', 'unmount', name!, { container: container.id, driver: 'local' })
      }
      container.tell('exited')
      if (again) this.restarts.later(container.id, ranFor, () => void this.restartByPolicy(container))
      else if (container.settings.hostConfig.AutoRemove) await this.autoRemove(container)
    })
  }

  outOfMemory(container: Container): void {
    if (isLive(container.state)) this.become(container, { ...container.state, oomKilled: true })
    this.emit(container, 'oom')
  }

  /** Starts what its policy wants running, now that the engine has come up. */
  async startByPolicy(container: Container): Promise<void> {
    const { state } = container
    if (isLive(state) || state.startedAt === never || state.status === 'removing') return
    // It ended while the engine was away, and its pause has begun.
    if (this.restarts.has(container.id)) return
    if (!this.policyRestarts(container, state.exitCode, true)) {
      if (state.status === 'restarting') this.become(container, { ...state, status: 'exited' })
      return
    }
    await container.exclusive(async () => {
      if (!isLive(container.state)) await this.launch(container).catch((error: unknown) => this.note(container, error))
    })
  }

  /** Finishes a removal, or removes what --rm should have. */
  async finishRemoval(container: Container): Promise<void> {
    await container.exclusive(() => this.destroy(container, container.settings.hostConfig.AutoRemove))
  }

  /** No restarts from now on: the engine or its machine goes down. */
  close(): void {
    this.stopping = true
    this.restarts.close()
  }

  /** The machine is up: policies hold. */
  open(): void {
    this.stopping = false
  }

  /** Puts the state into its row; every change of state goes through here. */
  become(container: Container, state: Container['state']): void {
    container.state = state
    this.store.save(container)
  }

  emit(container: Container, action: string, more: Record<string, string> = {}): void {
    this.options.events.emit('container', action, container.id, attributesOf(container, more))
  }

  /** The state of a container that has a process. Throws 'conflict' with the message otherwise. */
  mustLive(container: Container, message: string) {
    if (!isLive(container.state)) throw new EngineError('conflict', message)
    return container.state
  }

  private async launch(container: Container): Promise<void> {
    const { options, store } = this
    const finishedAt = endOf(container.state).finishedAt
    try {
      const root = await this.roots.of(container)
      const joined = await join(options, store, container)
      for (const { name, destination, readOnly, propagation } of volumesOf(container)) {
        const attributes = { container: container.id, destination, driver: 'local', propagation }
        options.events.emit('volume', 'mount', name!, { ...attributes, 'read/write': String(!readOnly) })
      }
      try {
        const request = await startRequest(options, store, container, root, joined)
        const { pid, startedAt } = await options.guest().call('container.start', request)
        const { attachments, ports } = joined
        this.become(container, { status: 'running', pid, startedAt, finishedAt, attachments, ports, oomKilled: false })
      } catch (error) {
        leave(options, container.id, joined.attachments)
        throw error
      }
    } catch (error) {
      const context =
        'failed to create task for container: failed to create shim task: OCI runtime create failed: ' +
        `${options.facts().runtime} create failed`
      const failure = inRuntimesWords(error, context, commandOf(container.settings.config)[0]!)
      await this.startFailed(container, failure)
      throw failure
    }
    this.emit(container, 'start')
    container.tell('started')
  }

  private async startFailed(container: Container, error: unknown): Promise<void> {
    const end = endOf(container.state)
    const status = end.startedAt === never ? 'created' : 'exited'
    this.become(container, { ...end, status, exitCode: exitCodeOfFailure(error, 128), error: messageOf(error) })
    container.tell('exited')
    if (container.settings.hostConfig.AutoRemove) await this.autoRemove(container)
  }

  private async end(container: Container, { timeout, signal }: { timeout?: number; signal?: string }): Promise<void> {
    const { StopTimeout } = container.settings.config
    const number = signal ? parseSignal(signal) : this.stopSignal(container)
    this.byHand(container)
    const gone = container.wait('not-running')
    this.emit(container, 'kill', { signal: String(number) })
    const seconds = timeout ?? StopTimeout ?? defaultStopTimeout
    container.killedFrom = seconds < 0 ? Infinity : performance.now() + seconds * 1000
    try {
      const stopped = this.options
        .guest()
        .call('container.stop', { id: container.id, signal: number, timeout: seconds })
      await Promise.all([stopped, this.thaw(container), gone])
    } finally {
      container.killedFrom = Infinity
    }
  }

  /** A frozen process gets its signal when it is thawed. */
  private async thaw(container: Container): Promise<void> {
    if (container.state.status === 'paused') await this.options.guest().call('container.resume', { id: container.id })
  }

  private async signal(container: Container, signal: number): Promise<void> {
    await this.options.guest().call('container.signal', { id: container.id, signal })
    this.emit(container, 'kill', { signal: String(signal) })
    if (signal === SIGKILL) await this.thaw(container)
  }

  private stopSignal({ settings: { config } }: Container): number {
    return config.StopSignal ? parseSignal(config.StopSignal) : SIGTERM
  }

  private byHand(container: Container): void {
    container.stoppedByHand = true
    this.store.save(container)
  }

  private policyRestarts(
    { settings, restartCount, stoppedByHand }: Container,
    exitCode: number,
    atStart: boolean,
  ): boolean {
    return shouldRestart({ policy: settings.hostConfig.RestartPolicy, exitCode, restartCount, stoppedByHand, atStart })
  }

  private async restartByPolicy(container: Container): Promise<void> {
    await this.options.whenRunning()
    await container.exclusive(async () => {
      if (container.state.status !== 'restarting') return
      container.restartCount++
      await this.launch(container).catch((error: unknown) => this.note(container, error))
    })
  }

  /** Inside `exclusive`. */
  private async destroy(container: Container, volumes: boolean): Promise<void> {
    const { options, store } = this
    if (!store.get(container.id)) return
    const before = endOf(container.state)
    this.become(container, { ...before, status: 'removing' })
    try {
      await options.guest().call('container.remove', { id: container.id })
    } catch (error) {
      this.become(container, { ...before, status: 'dead', error: messageOf(error) })
      throw error
    }
    store.delete(container)
    this.restarts.cancel(container.id)
    for (const { anonymous, name } of volumes ? container.settings.mounts : []) {
      // Another container may have it by --volumes-from; then it stays.
      if (anonymous) await options.volumes.remove(name!, true).catch((error: unknown) => this.note(container, error))
    }
    this.emit(container, 'destroy')
    container.tell('removed')
  }

  private async autoRemove(container: Container): Promise<void> {
    await this.destroy(container, true).catch((error: unknown) => this.note(container, error))
  }

  private note(container: Container, error: unknown): void {
    this.options.log(`container ${container.shortId}: ${messageOf(error)}`)
  }
}

function volumesOf({ settings: { mounts } }: Container) {
  return mounts.filter(({ type }) => type === 'volume')
}
