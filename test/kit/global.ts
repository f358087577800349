import type { TestProject } from 'vitest/node'
import { startEngine, type OwnEngine } from './engine'
import { machines, peer, snapshotDir } from './places'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Each target's address, or why it could not be started. */
    targets: Record<string, { host: string } | { error: string }>
  }
}

/**
 * Starts one engine a machine for all test files, because a start costs seconds where Linux is emulated. Tests share it:
 * they use names of their own and remove what they make.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const own: OwnEngine[] = []
  const targets: Record<string, { host: string } | { error: string }> = {}
  if (peer) targets.peer = { host: peer }
  else
    for (const machine of machines) {
      try {
        const engine = await startEngine({ machine, env: { BERTH_SNAPSHOT_DIR: snapshotDir } })
        own.push(engine)
        targets[machine] = { host: engine.host }
      } catch (error) {
        targets[machine] = { error: (error as Error).message }
      }
    }
  project.provide('targets', targets)
  return async () => {
    for (const engine of own) await engine.remove()
  }
}
