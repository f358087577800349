import { describe, expect, inject, it } from 'vitest'
import { engineAt, type MachineName, type Output, type TestEngine } from './engine'
import { machines, peer } from './places'

/** What a test runs against: an engine of ours on a machine, or another engine. */
export type Target = MachineName | 'peer'

/**
 * Defines the same tests for every target. With `only`, for these alone.
 * `engine()` is to be called inside a test.
 */
export function onEachMachine(
  title: string,
  define: (engine: () => TestEngine, target: Target) => void,
  only?: Target[],
) {
  const targets = (peer ? (['peer'] as Target[]) : machines).filter((name) => !only || only.includes(name))
  if (targets.length === 0) return describe.skip(`${title} (not on this target)`, () => undefined)
  describe.each(targets)(`${title} on %s`, (target) => {
    const engine = () => {
      const found = inject('targets')[target]
      if (!found || 'error' in found) throw new Error(found?.error ?? `no engine was started for ${target}`)
      return engineAt(found.host)
    }
    define(engine, target)
  })
}

/** `it` for what Berth does otherwise than dockerd; docs/compatibility.md says why. */
export const differs = (target: Target) => it.skipIf(target === 'peer')

/** Whether tests run on this machine that start engines of their own. */
export const runsOn = (machine: MachineName) => !peer && machines.includes(machine)

/** What a command printed, when it ended well; its error otherwise. */
export function ok({ code, stdout, stderr }: Output): string {
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

let serial = 0
/** A name that no other test uses. */
export const fresh = (prefix: string) => `${prefix}-${process.pid}-${Date.now().toString(36)}-${serial++}`
