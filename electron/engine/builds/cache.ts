import { digestOf } from '../store/content'
import type { Db } from '../store/database'

/** What a copy brings, as the agent or a context tells: its kind and a hex digest. */
export interface ContentDigest {
  kind: 'file' | 'dir' | 'multi'
  digest: string
}

/** What earlier builds made, by what they made it of. */
export class BuildCache {
  constructor(private readonly db: Db) {}

  /** The image that a step made on a parent ('' for none), while it is there. */
  find(parent: string, key: string): string | undefined {
    return this.db
      .prepare<[string, string], string>(
        'SELECT image FROM build_steps JOIN images ON id = image WHERE build_steps.parent = ? AND key = ? AND removed = 0',
      )
      .pluck()
      .get(parent, key)
  }

  keep(parent: string, key: string, image: string): void {
    this.db.prepare('INSERT OR REPLACE INTO build_steps (parent, key, image) VALUES (?, ?, ?)').run(parent, key, image)
  }

  /** The digest of what lies under paths of an image, worked out once. */
  async contentsOf(image: string, sources: string, ask: () => Promise<ContentDigest>): Promise<ContentDigest> {
    const known = this.db
      .prepare<[string, string], ContentDigest>(
        'SELECT kind, digest FROM build_contents WHERE image = ? AND sources = ?',
      )
      .get(image, sources)
    if (known) return known
    const { kind, digest } = await ask()
    this.db
      .prepare('INSERT OR REPLACE INTO build_contents (image, sources, kind, digest) VALUES (?, ?, ?, ?)')
      .run(image, sources, kind, digest)
    return { kind, digest }
  }
}

/** The key of a step: all that its result depends on besides its parent. */
export const stepKey = (...parts: unknown[]): string => digestOf(JSON.stringify(parts))
