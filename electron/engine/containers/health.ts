import { setTimeout as sleep } from 'node:timers/promises'
import { createDemuxer } from '../../../shared/stdio'
import { messageOf } from '../errors'
import type { Container } from './container'
import type { Healthcheck } from './config'
import type { ContainersOptions } from './deps'
import { attributesOf } from './events'
import type { Exec, Execs } from './execs'
import type { ContainerStore } from './store'

/** Docker's defaults, in milliseconds. */
const defaults = { interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5000, retries: 3 }
const keptResults = 5
const keptOutput = 4096

/** One run of the check, as `State.Health.Log` shows it. */
export interface CheckResult {
  Start: string
  End: string
  /** 0: healthy, 1: unhealthy, -1: it took too long or could not be run. */
  ExitCode: number
  Output: string
}

/** `State.Health` */
export interface Health {
  Status: 'starting' | 'healthy' | 'unhealthy'
  FailingStreak: number
  Log: CheckResult[]
}

/** A HEALTHCHECK that is to be run; times in milliseconds. */
export interface Check {
  args: string[]
  interval: number
  timeout: number
  startPeriod: number
  startInterval: number
  retries: number
}

/** Reads a HEALTHCHECK (times in nanoseconds, 0 for the default). Undefined for none and NONE. */
export function checkOf(healthcheck: Healthcheck | undefined, shell: string[] | undefined): Check | undefined {
  const [kind, ...words] = healthcheck?.Test ?? []
  if (!healthcheck || !kind || kind === 'NONE') return undefined
  const ms = (nanoseconds: number | undefined, otherwise: number) => (nanoseconds ? nanoseconds / 1e6 : otherwise)
  return {
    args: kind === 'CMD-SHELL' ? [...(shell ?? ['/bin/sh', '-c']), ...words] : words,
    interval: ms(healthcheck.Interval, defaults.interval),
    timeout: ms(healthcheck.Timeout, defaults.timeout),
    startPeriod: ms(healthcheck.StartPeriod, defaults.startPeriod),
    startInterval: ms(healthcheck.StartInterval, defaults.startInterval),
    retries: healthcheck.Retries || defaults.retries,
  }
}

/** What a result makes of the health; a failure `inStartPeriod` does not count. */
export function nextHealth(health: Health, result: CheckResult, retries: number, inStartPeriod: boolean): Health {
  const Log = [...health.Log, result].slice(-keptResults)
  if (result.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log }
  if (inStartPeriod && health.Status === 'starting') return { ...health, Log }
  const FailingStreak = health.FailingStreak + 1
  return { Status: FailingStreak >= retries ? 'unhealthy' : health.Status, FailingStreak, Log }
}

/** Runs the checks of containers from their start to their end; not while they are paused. */
export class HealthMonitor {
  private readonly watched = new Map<string, AbortController>()

  constructor(
    private readonly options: ContainersOptions,
    private readonly store: ContainerStore,
    private readonly execs: Execs,
  ) {
    options.events.listen(({ Type, Action, Actor }) => {
      if (Type !== 'container') return
      const container = store.get(Actor.ID)
      if (Action === 'die' || Action === 'pause') this.end(Actor.ID)
      else if (container && Action === 'unpause') this.begin(container)
      else if (container && Action === 'start') {
        container.health = undefined
        this.begin(container)
      }
    })
  }

  /** Goes on where it was when the container's health is known. */
  begin(container: Container): void {
    const { config } = container.settings
    const check = checkOf(config.Healthcheck, config.Shell)
    if (!check || this.watched.has(container.id)) return
    container.health ??= { Status: 'starting', FailingStreak: 0, Log: [] }
    const abort = new AbortController()
    this.watched.set(container.id, abort)
    void this.watch(container, check, abort.signal).catch((error: unknown) => {
      if (!abort.signal.aborted) this.options.log(`health of ${container.shortId}: ${messageOf(error)}`)
    })
  }

  close(): void {
    for (const id of this.watched.keys()) this.end(id)
  }

  private end(id: string): void {
    this.watched.get(id)?.abort()
    this.watched.delete(id)
  }

  private async watch(container: Container, check: Check, signal: AbortSignal): Promise<void> {
    const begun = Date.now()
    const inStartPeriod = () => Date.now() - begun < check.startPeriod
    let last: Exec | undefined
    for (;;) {
      const starting = inStartPeriod() && container.health?.Status === 'starting'
      await sleep(starting ? Math.min(check.startInterval, check.interval) : check.interval, undefined, { signal })
      await this.options.whenRunning(signal)
      // A check that hangs stays the only one: no heap of processes grows in the container.
      const hangs = last?.state.status === 'running'
      const exec = hangs ? last! : this.execs.create(container, { ...plainExec, args: check.args })
      const result = hangs ? tookTooLong(check, new Date()) : await this.run(exec, check, signal)
      last = exec
      signal.throwIfAborted()
      this.record(container, nextHealth(container.health!, result, check.retries, inStartPeriod()))
    }
  }

  private record(container: Container, health: Health): void {
    const changed = health.Status !== container.health?.Status
    container.health = health
    if (!changed) return
    this.store.save(container)
    const { events } = this.options
    events.emit('container', `health_status: ${health.Status}`, container.id, attributesOf(container))
  }

  private async run(exec: Exec, check: Check, signal: AbortSignal): Promise<CheckResult> {
    const start = new Date()
    let output = ''
    try {
      const { stream, ended } = await this.execs.start(exec, { detach: false })
      const take = createDemuxer((_, bytes) => {
        if (output.length < keptOutput)
          output += Buffer.from(bytes)
            .toString()
            .slice(0, keptOutput - output.length)
      })
      stream.on('data', take)
      const late = sleep(check.timeout, 'late', { signal })
      if ((await Promise.race([ended, late])) === 'late') {
        stream.destroy()
        return tookTooLong(check, start)
      }
      const { state } = exec
      return resultOf(start, state.status === 'exited' && state.exitCode === 0 ? 0 : 1, output)
    } catch (error) {
      return resultOf(start, -1, messageOf(error))
    }
  }
}

function resultOf(start: Date, ExitCode: number, Output: string): CheckResult {
  return { Start: start.toISOString(), End: new Date().toISOString(), ExitCode, Output }
}

function tookTooLong({ timeout }: Check, start: Date): CheckResult {
  return resultOf(start, -1, `Health check exceeded timeout (${timeout}ms)`)
}

const plainExec = {
  stdin: false,
  stdout: true,
  stderr: true,
  tty: false,
  detachKeys: '',
  env: [],
  cwd: '',
  user: '',
  privileged: false,
  rows: 0,
  cols: 0,
}
