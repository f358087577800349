import { randomBytes } from 'node:crypto'
import type { GuestEvent } from '../../machine/contract'
import { EngineError } from '../errors'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { parseDetachKeys } from './detach-keys'
import { attributesOf } from './events'
import { exitCodeOfFailure, inRuntimesWords } from './runtime-errors'
import { execProcessOf } from './spec'
import { isLive } from './state'
import type { Session } from './streams'

/** How long the result of an ended exec can be asked for, in milliseconds. */
const kept = 5 * 60_000

export interface ExecRequest {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
  detachKeys: string
  args: string[]
  env: string[]
  cwd: string
  user: string
  privileged: boolean
  rows: number
  cols: number
}

type ExecState =
  | { status: 'created' }
  | { status: 'running'; pid: number }
  | { status: 'exited'; pid: number; exitCode: number; at: number }

export interface Exec {
  id: string
  container: Container
  request: ExecRequest
  state: ExecState
  /** Settles when the process runs or could not be started; before a start it is settled. */
  ready: Promise<unknown>
  /** Resolves when the exit code is known. */
  ended: Promise<void>
  /** @internal */
  end: () => void
}

/** Processes started in running containers. They are not kept over a restart of the engine. */
export class Execs {
  private readonly byId = new Map<string, Exec>()

  constructor(private readonly options: ContainersOptions) {}

  /** Throws 'conflict' when the container does not run or is paused, 'invalid' without a command. */
  create(container: Container, request: ExecRequest): Exec {
    if (request.args.length === 0) throw new EngineError('invalid', 'no exec command specified')
    mustRun(container)
    parseDetachKeys(request.detachKeys)
    this.forgetOld()
    const id = randomBytes(32).toString('hex')
    let end!: () => void
    const ended = new Promise<void>((resolve) => (end = resolve))
    const exec: Exec = { id, container, request, state: { status: 'created' }, ready: Promise.resolve(), ended, end }
    this.byId.set(id, exec)
    this.emit(exec, `exec_create: ${wordsOf(request)}`)
    return exec
  }

  /** Throws 'notFound'. */
  find(id: string): Exec {
    const exec = this.byId.get(id)
    if (!exec) throw new EngineError('notFound', `No such exec instance: ${id}`)
    return exec
  }

  /** Ids of a container's execs that have not ended. */
  of(container: Container): string[] {
    const here = [...this.byId.values()].filter((exec) => exec.container === container)
    return here.filter(({ state }) => state.status !== 'exited').map(({ id }) => id)
  }

  /**
   * Starts it, once. Its stdio is the session's; none with `detach`. A command that is missing or can't be run rejects
   * with the agent's kinds in dockerd's words, and leaves 127 or 126 as the exit code.
   */
  start(exec: Exec, { detach, size }: { detach: boolean; size?: [rows: number, cols: number] }): Promise<Session> {
    const { container, request, id } = exec
    if (exec.state.status !== 'created') {
      const has = exec.state.status === 'running' ? 'is already running' : 'has already run'
      throw new EngineError('conflict', `exec command ${id} ${has}`)
    }
    mustRun(container)
    const { config, hostConfig } = container.settings
    const [rows, cols] = size ?? [request.rows, request.cols]
    const { tty, stdin } = request
    const detachKeys = tty && stdin ? parseDetachKeys(request.detachKeys) : undefined
    exec.state = { status: 'running', pid: 0 }
    const stream = this.options.guest().open('exec.start', {
      id: container.id,
      exec: id,
      process: {
        ...execProcessOf({ config, hostConfig, hostname: config.Hostname, facts: this.options.facts() }, request),
      },
      user: request.user || config.User,
      groups: hostConfig.GroupAdd ?? [],
      tty,
      ...(tty && rows > 0 && cols > 0 ? { rows, cols } : {}),
      stdin: stdin && !detach,
      stdout: request.stdout,
      stderr: request.stderr,
      detach,
    })
    const session = { stream, tty, stdin: stdin && !detach, detachKeys, onDetach: () => undefined, ended: exec.ended }
    const running = this.running(exec, stream.reply)
    exec.ready = running.catch(() => undefined)
    return running.then(() => session)
  }

  private async running(exec: Exec, reply: Promise<{ pid: number }>): Promise<void> {
    const { request } = exec
    try {
      const { pid } = await reply
      // It may have ended already.
      if (exec.state.status === 'running') exec.state = { status: 'running', pid }
    } catch (error) {
      this.finish(exec, exitCodeOfFailure(error, 126))
      throw inRuntimesWords(error, 'OCI runtime exec failed: exec failed', request.args[0]!)
    }
    this.emit(exec, `exec_start: ${wordsOf(request)}`)
  }

  /** The agent saw it end. */
  exited({ exec: id, exitCode }: Extract<GuestEvent, { type: 'execExit' }>): void {
    const exec = this.byId.get(id)
    if (exec?.state.status !== 'running') return
    this.finish(exec, exitCode)
    this.emit(exec, 'exec_die', { exitCode: String(exitCode) })
  }

  /** The container has ended, and with it all that ran in it. */
  containerExited(container: Container): void {
    for (const exec of this.byId.values()) {
      if (exec.container === container && exec.state.status === 'running') this.finish(exec, 137)
    }
  }

  async resize(exec: Exec, rows: number, cols: number): Promise<void> {
    // A client has its connection before the process runs.
    await exec.ready
    if (exec.state.status !== 'running') throw new EngineError('conflict', `exec ${exec.id} is not running`)
    await this.options.guest().call('container.resize', { id: exec.container.id, exec: exec.id, rows, cols })
  }

  private finish(exec: Exec, exitCode: number): void {
    const pid = exec.state.status === 'running' ? exec.state.pid : 0
    exec.state = { status: 'exited', pid, exitCode, at: Date.now() }
    exec.end()
  }

  private forgetOld(): void {
    const limit = Date.now() - kept
    for (const [id, { state }] of this.byId) if (state.status === 'exited' && state.at < limit) this.byId.delete(id)
  }

  private emit({ id, container }: Exec, action: string, more: Record<string, string> = {}): void {
    const attributes = attributesOf(container, { execID: id, ...more })
    this.options.events.emit('container', action, container.id, attributes)
  }
}

/** As dockerd's events have it: a blank comes after the command also when nothing else does. */
function wordsOf({ args: [command, ...rest] }: ExecRequest): string {
  return `${command} ${rest.join(' ')}`
}

/** GET /exec/{id}/json */
export function showExec({ id, container, request, state }: Exec): Record<string, unknown> {
  return {
    ID: id,
    Running: state.status === 'running',
    ExitCode: state.status === 'exited' ? state.exitCode : null,
    ProcessConfig: {
      tty: request.tty,
      entrypoint: request.args[0],
      arguments: request.args.slice(1),
      privileged: request.privileged,
      ...(request.user ? { user: request.user } : {}),
    },
    OpenStdin: request.stdin,
    OpenStderr: request.stderr,
    OpenStdout: request.stdout,
    CanRemove: state.status === 'exited',
    ContainerID: container.id,
    DetachKeys: request.detachKeys,
    Pid: state.status === 'created' ? 0 : state.pid,
  }
}

function mustRun({ state, id }: Container): void {
  if (state.status === 'paused') {
    throw new EngineError('conflict', `container ${id} is paused, unpause the container before exec`)
  }
  if (!isLive(state)) throw new EngineError('conflict', `container ${id} is not running`)
}
