import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { builtin } from '../../machine/builtin/driver'
import type { GuestEvent, GuestFacts, Reply } from '../../machine/contract'
import { Guest } from '../../machine/guest'
import { GuestError, type Answer } from '../../machine/link'
import {
  MachineError,
  type BootReport,
  type Driver,
  type DriverName,
  type Machine,
  type StageReport,
} from '../../machine/machine'
import { native } from '../../machine/native/driver'

/** In the order in which `auto` tries them. */
const drivers: readonly Driver[] = [native, builtin]

export interface Choice {
  driver: Driver
  why: string
  passedOver: { driver: DriverName; reason: string }[]
}

/** Picks the driver asked for, or with `auto` the first that works here. Throws a MachineError when none does. */
export async function chooseDriver(asked: string): Promise<Choice> {
  const candidates = asked === 'auto' ? drivers : drivers.filter((driver) => driver.name === asked)
  const passedOver: Choice['passedOver'] = []
  for (const driver of candidates) {
    const probe = await driver.probe()
    if (probe.ok) return { driver, why: asked === 'auto' ? probe.detail : `asked for; ${probe.detail}`, passedOver }
    passedOver.push({ driver: driver.name, reason: probe.reason })
  }
  if (candidates.length === 0) {
    throw new MachineError(
      'files',
      `There is no machine driver "${asked}" in this version.`,
      `Use --machine ${drivers.map((driver) => driver.name).join('|')}|auto.`,
    )
  }
  const reasons = passedOver.map(({ driver, reason }) => `${driver}: ${reason}`).join('; ')
  throw new MachineError(
    'files',
    `No machine can run here. ${reasons}.`,
    'Mend what is named, or choose another machine.',
  )
}

export interface MachineHostOptions {
  choice: Choice
  dir: string
  log: (line: string) => void
  answers: Record<string, Answer>
  onStage: (report: StageReport) => void
  onEvent: (event: GuestEvent) => void
  /** The agent was reached, for the first time or again: what it knows, to be held against our rows. */
  onHello: (hello: Reply<'hello'>) => Promise<void>
}

/** Keeps one machine running: starts it, connects to its agent, and starts it again when it dies. */
export class MachineHost {
  private machine: Machine | undefined
  private current: Guest | undefined
  private hello: Reply<'hello'> | undefined
  private bootReport: BootReport | undefined
  private stopping = false

  constructor(private readonly options: MachineHostOptions) {}

  get choice(): Choice {
    return this.options.choice
  }

  /** How the machine came up last. */
  get boot(): BootReport | undefined {
    return this.bootReport
  }

  get state(): 'starting' | 'running' | 'stopping' {
    if (this.stopping) return 'stopping'
    return this.current ? 'running' : 'starting'
  }

  /** Rejects with a MachineError; nothing runs then. */
  async start(): Promise<void> {
    const { choice, dir, log, onStage } = this.options
    const machine = choice.driver.create({ dir: join(dir, 'machine'), log })
    this.machine = machine
    machine.onExit((reason) => void this.restart(reason))
    this.bootReport = await machine.start(onStage)
    onStage({ stage: 'agent', text: 'Greeting the agent' })
    const { guest, hello } = await Guest.connect(machine, {
      answers: this.options.answers,
      onEvent: this.options.onEvent,
      onReconnect: (again) => {
        this.hello = again
        void this.options.onHello(again)
      },
    })
    this.current = guest
    this.hello = hello
    await this.options.onHello(hello)
  }

  /** The agent's client. Throws 'unavailable' while there is none. */
  guest(): Guest {
    if (!this.current) throw new GuestError('unavailable', 'the machine is not running')
    return this.current
  }

  /** The running machine. Throws 'unavailable' while there is none. */
  running(): Machine {
    if (!this.machine) throw new GuestError('unavailable', 'the machine is not running')
    return this.machine
  }

  facts(): GuestFacts {
    if (!this.hello) throw new GuestError('unavailable', 'the machine is not running')
    return this.hello.facts
  }

  /** Clean end. Where the machine does not outlive the engine its containers are stopped first. */
  async stop(): Promise<void> {
    this.stopping = true
    const { machine, current } = this
    this.current = undefined
    if (machine && current && !machine.features.survivesEngine) {
      await current.call('shutdown', { timeout: 5, powerOff: true }).catch((error: unknown) => {
        this.options.log(`shutdown: ${(error as Error).message}`)
      })
    }
    current?.close()
    await machine?.stop()
  }

  private async restart(reason: string): Promise<void> {
    if (this.stopping) return
    this.options.log(`the machine ended: ${reason}; starting it again`)
    this.current?.close()
    this.current = undefined
    for (let wait = 500; !this.stopping; wait = Math.min(wait * 2, 30_000)) {
      await sleep(wait)
      try {
        await this.start()
        return
      } catch (error) {
        this.options.log(`the machine did not start: ${(error as Error).message}`)
      }
    }
  }
}
