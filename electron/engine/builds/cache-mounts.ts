import { randomBytes } from 'node:crypto'
import type { Guest } from '../../machine/guest'
import type { Db } from '../store/database'

/** A folder that RUN --mount=type=cache keeps from build to build. */
export interface CacheMount {
  /** What the Dockerfile calls it: its id, else its target. */
  id: string
  /** The agent's volume that holds it. */
  volume: string
  /** Milliseconds since 1970. */
  created: number
  used: number
  uses: number
}

/** The cache mounts of all builds. Their volumes are none of Docker's: only builds and their pruning know of them. */
export class CacheMounts {
  private readonly inUse = new Map<string, number>()
  private readonly locks = new Map<string, Promise<void>>()

  constructor(
    private readonly db: Db,
    private readonly guest: () => Pick<Guest, 'call'>,
  ) {}

  all(): CacheMount[] {
    return this.db.prepare<[], CacheMount>('SELECT * FROM build_mounts ORDER BY created').all()
  }

  /**
   * Takes a cache mount, or makes it: `fresh` tells that it is still empty. `locked` waits until nobody else has it,
   * `private` makes another one then. To be given back with `release`.
   */
  async take(
    id: string,
    sharing: 'shared' | 'private' | 'locked',
  ): Promise<{ volume: string; fresh: boolean; release: () => void }> {
    let unlock: () => void = () => undefined
    if (sharing === 'locked') {
      const before = this.locks.get(id) ?? Promise.resolve()
      this.locks.set(id, new Promise((resolve) => (unlock = resolve)))
      await before
    }
    const known = this.all().filter((mount) => mount.id === id)
    const found = sharing === 'private' ? known.find(({ volume }) => !this.inUse.has(volume)) : known[0]
    const volume = found?.volume ?? `build-cache-${randomBytes(8).toString('hex')}`
    const now = Date.now()
    if (found) this.db.prepare('UPDATE build_mounts SET used = ?, uses = uses + 1 WHERE volume = ?').run(now, volume)
    else this.db.prepare('INSERT INTO build_mounts VALUES (?, ?, ?, ?, 1)').run(volume, id, now, now)
    this.inUse.set(volume, (this.inUse.get(volume) ?? 0) + 1)
    const release = () => {
      const left = this.inUse.get(volume)! - 1
      if (left > 0) this.inUse.set(volume, left)
      else this.inUse.delete(volume)
      unlock()
    }
    return { volume, fresh: !found, release }
  }

  isUsed({ volume }: CacheMount): boolean {
    return this.inUse.has(volume)
  }

  /** Bytes in each, by volume. */
  async sizes(mounts: readonly CacheMount[]): Promise<Record<string, number>> {
    if (mounts.length === 0) return {}
    return (await this.guest().call('volume.sizes', { names: mounts.map(({ volume }) => volume) })).sizes
  }

  async remove({ volume }: CacheMount): Promise<void> {
    await this.guest().call('volume.remove', { name: volume })
    this.db.prepare('DELETE FROM build_mounts WHERE volume = ?').run(volume)
  }
}
