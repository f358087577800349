import { join } from 'node:path'

const cache = process.env.BERTH_ASSETS ?? join(process.cwd(), '.cache')

/** Snapshots of the builtin machine outlive a test run: they depend on the guest image alone. */
export const snapshotDir = join(cache, 'test-snapshots')

/** The image that every engine of ours brings along. */
export const starterArchive = join(cache, 'starter', 'busybox.tar')
