import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { EngineState } from '../../shared/app'
import { answers, type EngineEvent, followEvents } from './engine-client'
import { type EngineLine, parseEngineLine } from '../../shared/engine-lines'
import { dataDir, engineHost, engineScript, foreignHost, nodeBinary } from './locations'

/** The engine's own log, and what it (or Node) wrote to its standard error. */
const engineLog = join(dataDir, 'log', 'engine.log')
const errorLog = join(dataDir, 'app', 'engine-stderr.log')
const errorLogKept = 4 * 1024 * 1024
const tailShown = 128 * 1024
/** An engine that lived this long is started again when it ends; one that ends sooner has a fault to show. */
const settledMs = 30_000

type Failure = Extract<EngineLine, { type: 'failed' }>

/**
 * The engine's life as the app sees it: attaches to one that answers, else starts one, watches it and starts it again.
 * The engine is detached: it outlives a main process that crashes, and is found again by the next.
 */
export class EngineService {
  #state: EngineState = { phase: 'starting', reports: [] }
  #child: ChildProcess | undefined
  #events: ReturnType<typeof followEvents> | undefined
  #starting: Promise<void> | undefined
  readonly #stateListeners = new Set<(state: EngineState) => void>()
  readonly #eventListeners = new Set<(event: EngineEvent) => void>()

  get state(): EngineState {
    return this.#state
  }

  /** Whether there is an engine that this app started. */
  get owned(): boolean {
    return this.#child !== undefined
  }

  onState(listener: (state: EngineState) => void): void {
    this.#stateListeners.add(listener)
  }

  /** Docker's events, while the engine runs. */
  onEvent(listener: (event: EngineEvent) => void): void {
    this.#eventListeners.add(listener)
  }

  /** Attaches or starts, unless that is done or under way. What came of it is in `state`. */
  async start(): Promise<void> {
    if (this.#state.phase === 'running' || this.#state.phase === 'stopping') return
    await this.#begin()
  }

  /** Ends an engine that the app started, cleanly; its containers stop, but on a machine that survives it. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#events?.stop()
    if (!child) return
    this.#set({ phase: 'stopping' })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    this.#set({ phase: 'paused' })
  }

  /** The ends of the engine's log and of its standard error. */
  async log(): Promise<string> {
    return `${await tail(engineLog)}\n${await tail(errorLog)}`.trim()
  }

  #begin(): Promise<void> {
    this.#starting ??= this.#attachOrSpawn().finally(() => (this.#starting = undefined))
    return this.#starting
  }

  async #attachOrSpawn(): Promise<void> {
    this.#set({ phase: 'starting', reports: [] })
    if (await answers(engineHost)) return this.#running(false)
    if (foreignHost)
      return this.#set({
        phase: 'failed',
        message: `No engine answers at ${foreignHost}.`,
        fix: 'Start that engine, or start Berth without BERTH_HOST to use its own.',
      })
    await this.#spawn()
  }

  #set(state: EngineState): void {
    this.#state = state
    for (const listener of this.#stateListeners) listener(state)
  }

  async #spawn(): Promise<void> {
    const log = openErrorLog()
    const args = [engineScript, '--machine', process.env.BERTH_MACHINE ?? 'auto', '--data-dir', dataDir, '--host', engineHost, '--json-stages'] // prettier-ignore
    const child = spawn(nodeBinary, args, { stdio: ['ignore', 'pipe', log], detached: true, windowsHide: true })
    closeSync(log)
    this.#child = child
    const startedAt = Date.now()
    let failure: Failure | undefined
    const settled = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout! }).on('line', (text) => {
        const line = parseEngineLine(text)
        if (line?.type === 'ready') {
          this.#running(true)
          resolve()
        } else if (line?.type === 'failed') failure = line
        else if (line?.type === 'stage' && this.#state.phase === 'starting')
          this.#set({ phase: 'starting', reports: [...this.#state.reports, line.report] })
      })
      child.once('error', (error) => {
        failure = {
          type: 'failed',
          message: `The engine's program could not be run: ${error.message}`,
          fix: 'Set BERTH_NODE to a Node.js 20 binary, or install Berth again.',
        }
        child.emit('exit', null, null)
      })
      child.once('exit', (code, signal) => {
        this.#child = undefined
        resolve()
        void this.#ended(failure, signal ?? `exit code ${code}`, Date.now() - startedAt)
      })
    })
    await settled
  }

  async #ended(failure: Failure | undefined, how: string, lived: number): Promise<void> {
    if (this.#state.phase === 'stopping') return
    this.#events?.stop()
    if (!failure && this.#state.phase === 'running' && lived > settledMs) return this.#begin()
    const last = (await tail(errorLog)).trimEnd().split('\n').at(-1)
    this.#set({
      phase: 'failed',
      stage: failure?.stage,
      message: failure?.message ?? `The engine ended by itself (${how})${last ? `: ${last}` : '.'}`,
      fix: failure?.fix ?? 'Try again. If it ends again, its log says why.',
    })
  }

  #running(owned: boolean): void {
    this.#set({ phase: 'running', host: engineHost, owned })
    void this.#follow()
  }

  /** Keeps one event stream open; its end is how the death of an engine that is not ours is noticed. */
  async #follow(): Promise<void> {
    let events: ReturnType<typeof followEvents>
    const current = () => this.#events === events && this.#state.phase === 'running'
    do {
      events = this.#events = followEvents(engineHost, (event) => {
        for (const listener of this.#eventListeners) listener(event)
      })
      await events.ended
      await delay(500)
    } while (current() && (this.#child ?? (await answers(engineHost))))
    if (current()) await this.#begin()
  }
}

function openErrorLog(): number {
  mkdirSync(join(dataDir, 'app'), { recursive: true, mode: 0o700 })
  if ((statSync(errorLog, { throwIfNoEntry: false })?.size ?? 0) > errorLogKept) renameSync(errorLog, `${errorLog}.1`)
  return openSync(errorLog, 'a', 0o600)
}

async function tail(path: string): Promise<string> {
  const file = await open(path).catch(() => undefined)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, tailShown)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8')
  } finally {
    await file.close()
  }
}
