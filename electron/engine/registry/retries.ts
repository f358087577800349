import { setTimeout } from 'node:timers/promises'
import { EngineError } from '../errors'
import { ConnectionError, RegistryError } from './errors'

export interface RetryPolicy {
  /** How often in all. */
  attempts: number
  /** Milliseconds before the second attempt; doubled for each one after it. */
  delay: number
}

/** The longest that a registry may make us wait (Retry-After), in milliseconds; beyond it the person is to decide. */
const longestWait = 60_000

/** Whether a failure may be over when the same is tried again: a broken connection, an overloaded registry. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError) return true
  if (error instanceof RegistryError)
    return [408, 429].includes(error.status) || (error.status >= 500 && error.status !== 501)
  return !(error instanceof EngineError)
}

/** Whether a registry asks for patience itself (Retry-After); what else fails a manifest is told at once, as by dockerd. */
export const asksForPatience = (error: unknown): boolean =>
  error instanceof RegistryError && error.retryAfter !== undefined && isTransient(error)

/**
 * Runs `task` until it succeeds, fails for good, or has failed too often. `onWait` is told once a second how many seconds
 * are left until the next attempt.
 */
export async function withRetries<T>(
  { attempts, delay }: RetryPolicy,
  signal: AbortSignal | undefined,
  onWait: (seconds: number) => void,
  task: () => Promise<T>,
  isWorthIt: (error: unknown) => boolean = isTransient,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task()
    } catch (error) {
      const asked = error instanceof RegistryError ? (error.retryAfter ?? 0) : 0
      if (signal?.aborted || attempt >= attempts || !isWorthIt(error) || asked > longestWait) throw error
      let left = Math.max(asked, delay * 2 ** (attempt - 1))
      for (; left > 0; left -= 1000) {
        onWait(Math.ceil(left / 1000))
        await setTimeout(Math.min(left, 1000), undefined, { signal })
      }
    }
  }
}

/** dockerd's word for the wait before another attempt. */
export const retryWord = (seconds: number): string => `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`
