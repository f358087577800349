import type { HostConfig } from './config'

/** The first pause before a restart, in milliseconds; each further one is twice as long, up to a minute, as dockerd's. */
const firstPause = 100
const longestPause = 60_000
/** A run of this many milliseconds makes the next pause the first one again. */
const steadyRun = 10_000

export interface RestartQuestion {
  policy: HostConfig['RestartPolicy']
  exitCode: number
  restartCount: number
  stoppedByHand: boolean
  /** The engine has just come up: `always` then also starts what was stopped by hand. */
  atStart: boolean
}

/** Whether the policy starts a container that has ended. */
export function shouldRestart({ policy, exitCode, restartCount, stoppedByHand, atStart }: RestartQuestion): boolean {
  switch (policy.Name) {
    case 'always':
      return atStart || !stoppedByHand
    case 'unless-stopped':
      return !stoppedByHand
    case 'on-failure': {
      const { MaximumRetryCount: most } = policy
      return !stoppedByHand && exitCode !== 0 && (most === 0 || restartCount < most)
    }
    default:
      return false
  }
}

/** The pause before the next start, from the one before (0: none yet) and how long the last run took. All in ms. */
export function nextPause(lastPause: number, ranFor: number): number {
  if (lastPause === 0 || ranFor >= steadyRun) return firstPause
  return Math.min(lastPause * 2, longestPause)
}

/** The containers that wait for their next start by policy. */
export class RestartTimers {
  private readonly pauses = new Map<string, { ms: number; timer: NodeJS.Timeout; over: boolean }>()

  /** Calls `start` after the pause that is due; `ranFor` is how long the last run took, in ms. */
  later(id: string, ranFor: number, start: () => void): void {
    const ms = nextPause(this.pauses.get(id)?.ms ?? 0, ranFor)
    const timer = setTimeout(() => {
      pause.over = true
      start()
    }, ms)
    const pause = { ms, timer, over: false }
    this.pauses.set(id, pause)
  }

  /** Whether a start is yet to come. */
  has(id: string): boolean {
    return this.pauses.get(id)?.over === false
  }

  /** Forgets the pauses up to now too: the next one is the shortest again. */
  cancel(id: string): void {
    clearTimeout(this.pauses.get(id)?.timer)
    this.pauses.delete(id)
  }

  close(): void {
    for (const { timer } of this.pauses.values()) clearTimeout(timer)
    this.pauses.clear()
  }
}
