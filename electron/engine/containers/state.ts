import type { Attachment } from '../networks/attachment'
import type { PortBinding } from '../networks/ports'
import type { Health } from './health'

/** Go's zero time, which Docker shows for "never". */
export const never = '0001-01-01T00:00:00Z'

/** What a container has only while its process lives. */
export interface Run {
  pid: number
  /** RFC 3339. */
  startedAt: string
  /** When the run before this one ended. */
  finishedAt: string
  attachments: Attachment[]
  ports: PortBinding[]
  oomKilled: boolean
}

/** What is left of the last run. */
export interface End {
  exitCode: number
  /** Why it could not be started, '' otherwise. */
  error: string
  startedAt: string
  finishedAt: string
  oomKilled: boolean
}

/**
 * Docker's states, each with what is there only in it. `restarting` is a container that ended and waits for its next
 * start; `removing` is one whose removal must be finished.
 */
export type State =
  | ({ status: 'running' | 'paused' } & Run)
  | ({ status: 'created' | 'restarting' | 'exited' | 'removing' | 'dead' } & End)

export const fresh: State = {
  status: 'created',
  exitCode: 0,
  error: '',
  startedAt: never,
  finishedAt: never,
  oomKilled: false,
}

export type RunningState = Extract<State, Run>

/** Running or paused: there is a process. */
export function isLive(state: State): state is RunningState {
  return state.status === 'running' || state.status === 'paused'
}

/** The end that a state stands for; a live container has exit code 0, as Docker shows it. */
export function endOf(state: State): End {
  if (!isLive(state)) return state
  return {
    exitCode: 0,
    error: '',
    startedAt: state.startedAt,
    finishedAt: state.finishedAt,
    oomKilled: state.oomKilled,
  }
}

/** `State` of GET /containers/{id}/json */
export function showState(state: State, health: Health | undefined): Record<string, unknown> {
  const { exitCode, error, startedAt, finishedAt, oomKilled } = endOf(state)
  return {
    Status: state.status,
    // A restarting container counts as running for Docker's clients.
    Running: isLive(state) || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: oomKilled,
    Dead: state.status === 'dead',
    Pid: isLive(state) ? state.pid : 0,
    ExitCode: exitCode,
    Error: error,
    StartedAt: startedAt,
    FinishedAt: finishedAt,
    ...(health ? { Health: health } : {}),
  }
}
