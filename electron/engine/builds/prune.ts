import { parseTimestamp } from '../../../shared/units'
import { EngineError, messageOf } from '../errors'
import type { CacheMount, CacheMounts } from './cache-mounts'

/** One record of what builds keep, as GET /system/df has it. */
export interface BuildCacheRecord {
  ID: string
  Type: string
  Description: string
  InUse: boolean
  Shared: boolean
  Size: number
  CreatedAt: string
  LastUsedAt: string
  UsageCount: number
}

/** What builds keep besides images: the cache mounts. */
export async function buildCacheUsage(mounts: CacheMounts): Promise<BuildCacheRecord[]> {
  const all = mounts.all()
  const sizes = await mounts.sizes(all)
  return all.map((mount) => ({
    ID: mount.volume,
    Type: 'exec.cachemount',
    Description: `cached mount ${mount.id}`,
    InUse: mounts.isUsed(mount),
    Shared: false,
    Size: sizes[mount.volume] ?? 0,
    CreatedAt: new Date(mount.created).toISOString(),
    LastUsedAt: new Date(mount.used).toISOString(),
    UsageCount: mount.uses,
  }))
}

/** The filters of POST /build/prune. */
export const pruneFilters = ['id', 'until', 'unused-for', 'type', 'inuse', 'shared', 'private', 'description'] as const

/**
 * Removes cache mounts that no build has, the one unused for longest first, until at most `keepStorage` bytes are left.
 * Images that steps of builds made are images: their own prune removes them.
 */
export async function pruneBuildCache(
  mounts: CacheMounts,
  filters: ReadonlyMap<string, string[]>,
  keepStorage: number,
): Promise<{ CachesDeleted: string[]; SpaceReclaimed: number }> {
  const all = mounts.all()
  const sizes = await mounts.sizes(all)
  const unusedSince = Math.min(...[...(filters.get('until') ?? []), ...(filters.get('unused-for') ?? [])].map(instant))
  const matches = (mount: CacheMount) =>
    mount.used <= unusedSince &&
    (filters.get('id') ?? [mount.volume]).includes(mount.volume) &&
    (filters.get('type') ?? ['exec.cachemount']).includes('exec.cachemount')
  let left = Object.values(sizes).reduce((sum, size) => sum + size, 0)
  const deleted: string[] = []
  let reclaimed = 0
  for (const mount of all.filter(matches).sort((a, b) => a.used - b.used)) {
    if (mounts.isUsed(mount) || (keepStorage > 0 && left <= keepStorage)) continue
    await mounts.remove(mount)
    const size = sizes[mount.volume] ?? 0
    deleted.push(mount.volume)
    reclaimed += size
    left -= size
  }
  return { CachesDeleted: deleted, SpaceReclaimed: reclaimed }
}

function instant(text: string): number {
  try {
    return Number(parseTimestamp(text, Date.now())) * 1000
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}
