import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MachineFailure, MachineSettings, MachineState } from '../../../shared/machine'
import type { GuestEvent, GuestFacts, Reply } from '../../machine/contract'
import { Guest } from '../../machine/guest'
import { GuestError, type Answer } from '../../machine/link'
import {
  MachineError,
  type BootReport,
  type Machine,
  type MachineSize,
  type SizeName,
  type StageReport,
} from '../../machine/machine'
import { humanBytes } from '../../../shared/units'
import { EngineError, messageOf } from '../errors'
import type { Choice } from './drivers'
import { IdleTimer } from './idle'
import { changed, sizeNames, sizeOf, writeMachineSettings } from './machine-settings'

/** Seconds that containers get to end before a stop kills them. */
const stopTimeout = 5
/** How long an agent that was told to end may take, in milliseconds. */
const agentDeadline = 5000
/** Pauses between tries to bring back a machine that died, in milliseconds: the first and the longest. */
const firstPause = 500
const longestPause = 30_000

type State =
  | { is: 'stopped' | 'suspended' }
  | { is: 'starting' | 'resuming'; up: Promise<Machine>; stage?: StageReport }
  | { is: 'running' | 'suspending' | 'stopping'; machine: Machine }
  | { is: 'failed'; failure: MachineFailure }

export interface MachineHostOptions {
  choice: Choice
  /** The folder of this driver in the data dir. */
  dir: string
  settings: MachineSettings
  log: (line: string) => void
  /** Lines of the machine itself: its console, the driver's notes. */
  machineLog: (line: string) => void
  answers: Record<string, Answer>
  onStage: (report: StageReport) => void
  onEvent: (event: GuestEvent) => void
  /**
   * The agent was reached: what it knows, to be held against our rows. `fresh`: the engine or the machine was started,
   * so that what the containers' policies want running is to be started.
   */
  onHello: (hello: Reply<'hello'>, fresh: boolean) => Promise<void>
  /** The machine is about to stop: containers that end now are not to be started again. */
  onStopping: () => void
  /** Whether a container has a process, or is about to have one again. */
  inUse: () => boolean
}

/**
 * The machine through all its runs: starts and stops it, suspends it when nobody needs it and resumes it when somebody
 * does, and brings it back when it dies. One change of state is under way at a time.
 */
export class MachineHost {
  private state: State = { is: 'stopped' }
  private readonly client: Guest
  private hello: Reply<'hello'> | undefined
  private bootReport: BootReport | undefined
  private machine: Machine
  private given: MachineSize
  private current: MachineSettings
  private closing = false
  private turn: Promise<unknown> = Promise.resolve()
  private readonly changes = new EventEmitter<{ change: [] }>().setMaxListeners(0)
  private readonly idle = new IdleTimer({
    minutes: () => (this.choice.driver.features.suspend ? this.current.suspendAfter : 0),
    lastUse: () => (this.options.inUse() || this.client.busy ? performance.now() : this.client.lastUse),
    act: () => void this.suspend().catch((error: unknown) => this.options.log(`suspend: ${messageOf(error)}`)),
  })

  constructor(private readonly options: MachineHostOptions) {
    this.current = options.settings
    this.given = this.wanted
    this.machine = this.make()
    this.client = new Guest({
      answers: options.answers,
      onEvent: options.onEvent,
      connect: () => this.connect(),
      onReconnect: (hello) => {
        this.hello = hello
        void options.onHello(hello, false)
      },
    })
  }

  get choice(): Choice {
    return this.options.choice
  }

  get features() {
    return this.choice.driver.features
  }

  /** How the machine came up last. */
  get boot(): BootReport | undefined {
    return this.bootReport
  }

  get is(): MachineState {
    return this.state.is
  }

  get stage(): StageReport | undefined {
    return 'stage' in this.state ? this.state.stage : undefined
  }

  get failure(): MachineFailure | undefined {
    return this.state.is === 'failed' ? this.state.failure : undefined
  }

  get settings(): MachineSettings {
    return this.current
  }

  /** What the machine runs with. */
  get size(): MachineSize {
    return this.given
  }

  /** What it will have at the next start. */
  get wanted(): MachineSize {
    return sizeOf(this.current, this.choice.driver.sizes())
  }

  /** This run's machine, or the last one's. */
  get ours(): Machine {
    return this.machine
  }

  /** Facts of the guest as it is or was last; undefined before its first start. */
  get lastFacts(): GuestFacts | undefined {
    return this.hello?.facts
  }

  /** As `lastFacts`. Throws 'unavailable' where there are none. */
  facts(): GuestFacts {
    if (!this.hello) throw new GuestError('unavailable', 'the machine is not running')
    return this.hello.facts
  }

  /** The agent's client, whose calls resume a suspended machine. Throws 'unavailable' while there can be no agent. */
  guest(): Guest {
    if (this.state.is === 'stopped' || this.state.is === 'stopping') throw new GuestError('unavailable', stopped)
    if (this.state.is === 'failed')
      throw new GuestError('unavailable', `the machine failed: ${this.state.failure.message}`)
    return this.client
  }

  /** Calls the listener after each change of what the machine's report says; answers how to end that. */
  onChange(listener: () => void): () => void {
    this.changes.on('change', listener)
    return () => this.changes.off('change', listener)
  }

  /** Resolves as soon as the machine runs, and does nothing to make it. */
  async whenRunning(signal?: AbortSignal): Promise<void> {
    while (this.is !== 'running') await this.nextChange(signal)
  }

  /** Starts it where it is stopped, failed or suspended. Rejects with a MachineError; nothing runs then. */
  start(): Promise<void> {
    return this.inTurn(async () => {
      if (this.state.is === 'running') return
      const suspended = this.state.is === 'suspended'
      await this.launch(suspended ? 'resuming' : 'starting')
    })
  }

  /** Clean end of the guest and its containers. */
  stop(): Promise<void> {
    return this.inTurn(async () => {
      // What lies in its memory is not to be lost.
      if (this.state.is === 'suspended') await this.launch('resuming')
      if (this.state.is === 'failed') this.become({ is: 'stopped' })
      if (this.state.is === 'running') await this.end(this.state.machine, true)
    })
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Puts it to sleep; the next call that needs it wakes it. Throws 'unsupported' where the driver can't. */
  suspend(): Promise<void> {
    return this.inTurn(async () => {
      const { state } = this
      if (state.is === 'suspended') return
      if (!this.machine.suspend) throw this.noSuspend()
      if (state.is !== 'running') throw new EngineError('conflict', `the machine is ${state.is}, not running`)
      this.idle.stop()
      await this.client.call('sync', {})
      this.become({ is: 'suspending', machine: state.machine })
      this.client.rest()
      try {
        await this.machine.suspend()
        this.become({ is: 'suspended' })
      } catch (error) {
        this.become(state)
        await this.client.join()
        this.idle.start()
        throw error
      }
    })
  }

  /** Wakes it where it is suspended. Rejects with a MachineError. */
  resume(): Promise<void> {
    if (!this.features.suspend) throw this.noSuspend()
    return this.inTurn(async () => {
      if (this.state.is === 'stopped' || this.state.is === 'failed')
        throw new EngineError('conflict', `the machine is ${this.state.is}, not suspended`)
      if (this.state.is === 'suspended') await this.launch('resuming')
    })
  }

  /**
   * Changes settings, keeps them, and makes them hold where that goes without a start of the machine. Answers which do
   * and which wait for that. Throws 'invalid' for what the machine cannot have; nothing has changed then.
   */
  set(
    asked: Partial<MachineSettings>,
  ): Promise<{ live: (keyof MachineSettings)[]; restart: (keyof MachineSettings)[] }> {
    return this.inTurn(async () => {
      const rules = this.choice.driver.sizes()
      const next = changed(this.current, asked, rules)
      const sizes = sizeOf(next, rules)
      if (sizes.disk < this.given.disk)
        throw new EngineError(
          'invalid',
          `the disk has ${humanBytes(this.given.disk)} and can only grow: to have a smaller one, save what is on it, remove the machine and start anew`,
        )
      const names = (Object.keys(next) as (keyof MachineSettings)[]).filter((name) => next[name] !== this.current[name])
      const runs = this.is === 'running'
      const waits = (name: keyof MachineSettings) =>
        runs && name in rules && rules[name as SizeName].change === 'restart'
      const grown = sizeNames.filter(
        (name) => runs && rules[name].change === 'live' && sizes[name] !== this.given[name],
      )
      const resized: Partial<MachineSize> = Object.fromEntries(grown.map((name) => [name, sizes[name]]))
      if (Object.keys(resized).length > 0) {
        await this.machine.resize!(resized)
        if (resized.disk !== undefined) await this.client.call('disk.grow', {})
        this.given = { ...this.given, ...resized }
      }
      await writeMachineSettings(this.options.dir, next)
      this.current = next
      if (runs) this.idle.start()
      this.changes.emit('change')
      return { live: names.filter((name) => !waits(name)), restart: names.filter(waits) }
    })
  }

  /** The engine's end. Where the machine does not outlive it, it is suspended if that is set, else ended cleanly. */
  async close(): Promise<void> {
    this.closing = true
    await this.inTurn(async () => {
      const { state } = this
      if (state.is !== 'running') return
      if (this.features.survivesEngine) {
        this.client.leave()
        await state.machine.stop()
      } else if (this.current.suspendOnQuit && this.features.suspend) {
        await this.client.call('sync', {})
        this.client.leave()
        await state.machine.suspend!()
      } else await this.end(state.machine, false)
    })
  }

  private noSuspend(): EngineError {
    return new EngineError('unsupported', `the ${this.choice.driver.name} machine cannot be suspended`)
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.turn.then(act)
    this.turn = result.catch(() => undefined)
    return result
  }

  private make(): Machine {
    const { choice, dir, machineLog } = this.options
    return choice.driver.create({ dir: join(dir, 'machine'), ...this.given, log: machineLog })
  }

  private become(state: State): void {
    this.state = state
    this.changes.emit('change')
  }

  private async launch(is: 'starting' | 'resuming'): Promise<void> {
    // What goes on from its memory keeps the size that it had.
    if (is === 'starting') this.given = this.wanted
    const machine = this.make()
    this.machine = machine
    machine.onExit((reason) => void this.died(machine, reason))
    const onStage = (stage: StageReport) => {
      this.options.onStage(stage)
      if ('up' in this.state) this.become({ ...this.state, stage })
    }
    const up = machine.start(onStage).then((boot) => {
      this.bootReport = boot
      if (boot.note) this.options.log(boot.note)
      return machine
    })
    this.become({ is, up })
    try {
      await up
      // To the containers, a machine that could not go on from its memory has been turned off and on.
      const fresh = is === 'starting' || this.bootReport?.kind !== 'resumed'
      onStage({ stage: 'agent', text: 'Greeting the agent' })
      const hello = await this.client.join()
      this.hello = hello
      this.become({ is: 'running', machine })
      this.idle.start()
      await this.options.onHello(hello, fresh)
    } catch (error) {
      this.client.leave()
      await machine.kill()
      this.become({ is: 'failed', failure: failureOf(error) })
      throw error
    }
  }

  /** `wait`: the engine goes on, and with it what it knows of the containers' ends. */
  private async end(machine: Machine, wait: boolean): Promise<void> {
    this.idle.stop()
    if (wait) this.options.onStopping()
    const powerOff = !this.features.survivesEngine
    await this.client.call('shutdown', { timeout: stopTimeout, powerOff }).catch((error: unknown) => {
      this.options.log(`shutdown: ${messageOf(error)}`)
    })
    this.become({ is: 'stopping', machine })
    await this.client.seeOff(agentDeadline)
    await machine.stop()
    this.become({ is: 'stopped' })
  }

  /** For the client: a stream to the agent of the machine that runs, or of one that is resumed for it. */
  private async connect(): Promise<Duplex> {
    if (this.is === 'suspended' || this.is === 'suspending') void this.inTurn(() => this.wake()).catch(() => undefined)
    while (this.is === 'suspended' || this.is === 'suspending') await this.nextChange()
    const { state } = this
    if (state.is === 'running') return state.machine.connect()
    if ('up' in state) return (await state.up).connect()
    throw new GuestError('unavailable', stopped)
  }

  private async nextChange(signal?: AbortSignal): Promise<void> {
    await once(this.changes, 'change', { signal })
  }

  private async wake(): Promise<void> {
    if (this.state.is === 'suspended') await this.launch('resuming')
  }

  private async died(machine: Machine, reason: string): Promise<void> {
    if (this.closing || this.state.is !== 'running' || this.state.machine !== machine) return
    this.options.log(`the machine ended: ${reason}; starting it again`)
    this.idle.stop()
    this.client.leave()
    this.become({ is: 'failed', failure: { stage: 'vm', message: reason, fix: 'It is being started again.' } })
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      await sleep(pause)
      if (this.closing || this.is !== 'failed') return
      try {
        await this.inTurn(() => (this.is === 'failed' ? this.launch('starting') : Promise.resolve()))
        return
      } catch (error) {
        this.options.log(`the machine did not start: ${messageOf(error)}`)
      }
    }
  }
}

const stopped = 'the machine is stopped: start it with berth machine start'

function failureOf(error: unknown): MachineFailure {
  if (error instanceof MachineError) return { stage: error.stage, message: error.message, fix: error.fix }
  return { stage: 'agent', message: messageOf(error), fix: "See the machine's log." }
}
