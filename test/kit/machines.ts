import { afterAll, beforeAll, describe, expect } from 'vitest'
import { engineAt, startEngine, type MachineName, type Output, type OwnEngine, type TestEngine } from './engine'
import { snapshotDir } from './places'

/** What a test runs against: an engine of ours on a machine, or the one that BERTH_TEST_AGAINST names. */
export type Target = MachineName | 'peer'

const peer = process.env.BERTH_TEST_AGAINST
const asked = process.env.BERTH_TEST_MACHINES?.split(',') as MachineName[] | undefined

/** The machines that tests run on: native and builtin, unless BERTH_TEST_MACHINES names fewer. */
export const machines: MachineName[] = asked ?? ['native', 'builtin']

/**
 * Defines the same tests for every target, each with an engine that is started before and removed after them. With
 * `only`, for these machines alone (and not for a peer).
 */
export function onEachMachine(
  title: string,
  define: (engine: () => TestEngine, target: Target) => void,
  only?: MachineName[],
) {
  const targets: Target[] = peer ? (only ? [] : ['peer']) : machines.filter((name) => !only || only.includes(name))
  if (targets.length === 0) return describe.skip(`${title} (not on this target)`, () => undefined)
  describe.each(targets)(`${title} on %s`, (target) => {
    let engine: TestEngine | undefined
    let own: OwnEngine | undefined
    beforeAll(async () => {
      if (target === 'peer') engine = engineAt(peer!)
      else engine = own = await startEngine({ machine: target, env: { BERTH_SNAPSHOT_DIR: snapshotDir } })
    })
    afterAll(() => own?.remove())
    define(() => engine!, target)
  })
}

/** What a command printed, when it ended well; its error otherwise. */
export function ok({ code, stdout, stderr }: Output): string {
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

let serial = 0
/** A name that no other test uses. */
export const fresh = (prefix: string) => `${prefix}-${process.pid}-${serial++}`
