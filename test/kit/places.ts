import { join } from 'node:path'
import type { MachineName } from './engine'

const cache = process.env.BERTH_ASSETS ?? join(process.cwd(), '.cache')

/** Where the builtin machine's snapshot is kept from one run to the next: all suites share the one cold boot. */
export const snapshotDir = join(cache, 'snapshots')

/** The image that every engine of ours brings along. */
export const starterArchive = join(cache, 'starter', 'busybox.tar')

/** Another engine to run the tests against, `unix://PATH`, instead of ours: it tells what is Docker's own way. */
export const peer = process.env.BERTH_TEST_AGAINST

/** The machines that tests run on: native and builtin, unless BERTH_TEST_MACHINES names fewer. */
export const machines = (process.env.BERTH_TEST_MACHINES?.split(',') ?? ['native', 'builtin']) as MachineName[]
