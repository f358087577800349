import type { Db } from '../store/database'
import { readConfig, type ImageConfig } from './oci'

/** An image as the database has it. */
export interface ImageRow {
  id: string
  config: Buffer
  architecture: string
  os: string
  variant: string
  parent: string
  /** Milliseconds since 1970, 0 for never. */
  tagged: number
}

export interface LayerRow {
  chainId: string
  diffId: string
  /** The digest of its tar in the content store, compressed as it came. */
  blob: string
  /** Bytes of the tar uncompressed. */
  length: number
  /** Bytes of the files in it. */
  size: number
}

/** A manifest or an index, byte for byte as it came. */
export interface ManifestRow {
  digest: string
  /** Its media type. */
  type: string
  bytes: Buffer
}

/** A blob in a registry that holds a layer's tar. */
export interface LayerSource {
  /** In full: `docker.io/library/busybox`. */
  repository: string
  digest: string
  size: number
}

const imageColumns = 'id, config, architecture, os, variant, parent, tagged'
const layerColumns = 'layers.chain_id AS chainId, diff_id AS diffId, blob, length, size'

/** Images, their layers and their names in the database. Names are in full: `docker.io/library/busybox:latest`. */
export class ImageStore {
  private readonly configs = new Map<string, ImageConfig>()

  constructor(private readonly db: Db) {}

  /** The image with this very id, unless it was removed. */
  get(id: string): ImageRow | undefined {
    return this.db
      .prepare<[string], ImageRow>(`SELECT ${imageColumns} FROM images WHERE id = ? AND removed = 0`)
      .get(id)
  }

  all(): ImageRow[] {
    return this.db.prepare<[], ImageRow>(`SELECT ${imageColumns} FROM images WHERE removed = 0`).all()
  }

  /** Images whose id begins with these hex digits; two at most, which is enough to see that they are many. */
  withPrefix(hex: string): ImageRow[] {
    return this.db
      .prepare<[string, string], ImageRow>(
        `SELECT ${imageColumns} FROM images WHERE id >= ? AND id < ? AND removed = 0 LIMIT 2`,
      )
      .all(`sha256:${hex}`, `sha256:${hex}g`)
  }

  named(reference: string): ImageRow | undefined {
    return this.db
      .prepare<[string], ImageRow>(
        `SELECT ${imageColumns} FROM images JOIN image_references ON image = id WHERE reference = ?`,
      )
      .get(reference)
  }

  /** The image's configuration, read once. */
  configOf(image: Pick<ImageRow, 'id' | 'config'>): ImageConfig {
    const known = this.configs.get(image.id)
    if (known) return known
    const config = readConfig(image.config)
    this.configs.set(image.id, config)
    return config
  }

  /** As configOf, by the id, also of an image that was removed while a container needs it; undefined when it is gone. */
  configOfAny(id: string): ImageConfig | undefined {
    const image = this.db
      .prepare<[string], Pick<ImageRow, 'id' | 'config'>>('SELECT id, config FROM images WHERE id = ?')
      .get(id)
    return image && this.configOf(image)
  }

  /** The layers, bottom first; also of an image that was removed while a container needs it. */
  layersOf(id: string): LayerRow[] {
    return this.db
      .prepare<[string], LayerRow>(
        `SELECT ${layerColumns} FROM layers JOIN image_layers USING (chain_id) WHERE image = ? ORDER BY position`,
      )
      .all(id)
  }

  layer(chainId: string): LayerRow | undefined {
    return this.db.prepare<[string], LayerRow>(`SELECT ${layerColumns} FROM layers WHERE chain_id = ?`).get(chainId)
  }

  allLayers(): LayerRow[] {
    return this.db.prepare<[], LayerRow>(`SELECT ${layerColumns} FROM layers`).all()
  }

  /** The image's names, sorted. */
  referencesOf(id: string): string[] {
    return this.db
      .prepare<[string], string>('SELECT reference FROM image_references WHERE image = ? ORDER BY reference')
      .pluck()
      .all(id)
  }

  /** All names of a repository (`docker.io/library/busybox`), sorted. */
  referencesIn(repository: string): string[] {
    return this.db
      .prepare<[], string>('SELECT reference FROM image_references ORDER BY reference')
      .pluck()
      .all()
      .filter((reference) => reference.startsWith(`${repository}:`) || reference.startsWith(`${repository}@`))
  }

  childrenOf(id: string): string[] {
    return this.db.prepare<[string], string>('SELECT id FROM images WHERE parent = ? AND removed = 0').pluck().all(id)
  }

  /** Adds an image with its layers, bottom first; one that is there stays as it is, one that was removed is back. */
  insert(image: Omit<ImageRow, 'tagged'>, layers: readonly LayerRow[]): void {
    this.db.transaction(() => {
      const { changes } = this.db
        .prepare(
          `INSERT INTO images (id, config, architecture, os, variant, parent)
           VALUES (@id, @config, @architecture, @os, @variant, @parent) ON CONFLICT DO NOTHING`,
        )
        .run(image)
      this.db.prepare('UPDATE images SET removed = 0 WHERE id = ?').run(image.id)
      if (changes === 0) return
      const addLayer = this.db.prepare(
        `INSERT INTO layers (chain_id, diff_id, blob, length, size)
         VALUES (@chainId, @diffId, @blob, @length, @size) ON CONFLICT DO NOTHING`,
      )
      const link = this.db.prepare('INSERT INTO image_layers (image, position, chain_id) VALUES (?, ?, ?)')
      layers.forEach((layer, position) => {
        addLayer.run(layer)
        link.run(image.id, position, layer.chainId)
      })
    })()
  }

  /** Keeps a manifest that an image came by, or an index that led to it. */
  keepManifest(image: string, { digest, type, bytes }: ManifestRow): void {
    this.db
      .prepare('INSERT INTO manifests (image, digest, type, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(image, digest, type, bytes)
  }

  /** The manifests and indexes that an image came by. */
  manifestsOf(image: string): ManifestRow[] {
    return this.db
      .prepare<[string], ManifestRow>('SELECT digest, type, bytes FROM manifests WHERE image = ? ORDER BY rowid')
      .all(image)
  }

  /** The manifest or index with this digest, if an image came by it. */
  manifest(digest: string): ManifestRow | undefined {
    return this.db
      .prepare<[string], ManifestRow>('SELECT digest, type, bytes FROM manifests WHERE digest = ? LIMIT 1')
      .get(digest)
  }

  /** Takes note that a layer's tar lies in a repository. */
  addSource(diffId: string, { repository, digest, size }: LayerSource): void {
    this.db
      .prepare(
        'INSERT INTO layer_sources (diff_id, repository, digest, size) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      .run(diffId, repository, digest, size)
  }

  /** Where a layer's tar is known to lie, what was learnt last first. */
  sourcesOf(diffId: string): LayerSource[] {
    return this.db
      .prepare<[string], LayerSource>(
        'SELECT repository, digest, size FROM layer_sources WHERE diff_id = ? ORDER BY rowid DESC',
      )
      .all(diffId)
  }

  /** Takes note that it does not, after all. */
  removeSource(diffId: string, { repository, digest }: LayerSource): void {
    this.db
      .prepare('DELETE FROM layer_sources WHERE diff_id = ? AND repository = ? AND digest = ?')
      .run(diffId, repository, digest)
  }

  /** Gives an image a name; one that another image has moves over. */
  name(reference: string, id: string): void {
    this.db.transaction(() => {
      this.db
        .prepare(
          `INSERT INTO image_references (reference, image) VALUES (?, ?)
           ON CONFLICT (reference) DO UPDATE SET image = excluded.image`,
        )
        .run(reference, id)
      this.db.prepare('UPDATE images SET tagged = ? WHERE id = ?').run(Date.now(), id)
    })()
  }

  unname(reference: string): void {
    this.db.prepare('DELETE FROM image_references WHERE reference = ?').run(reference)
  }

  /**
   * Removes an image and its names, and the layers that no image has any more; returns their chain IDs, top first. With
   * `keep` the image is only hidden, for the sake of a container that needs its layers, until `sweep`.
   */
  delete(id: string, keep: boolean): string[] {
    return this.db.transaction(() => {
      this.db.prepare('DELETE FROM image_references WHERE image = ?').run(id)
      if (keep) {
        this.db.prepare('UPDATE images SET removed = 1 WHERE id = ?').run(id)
        return []
      }
      const chain = this.layersOf(id).map((layer) => layer.chainId)
      this.db.prepare('DELETE FROM images WHERE id = ?').run(id)
      this.configs.delete(id)
      const drop = this.db.prepare(
        'DELETE FROM layers WHERE chain_id = ? AND chain_id NOT IN (SELECT chain_id FROM image_layers)',
      )
      const dropped = chain.reverse().filter((chainId) => drop.run(chainId).changes > 0)
      this.db.prepare('DELETE FROM layer_sources WHERE diff_id NOT IN (SELECT diff_id FROM layers)').run()
      return dropped
    })()
  }

  /** The images that are only hidden. */
  removed(): string[] {
    return this.db.prepare<[], string>('SELECT id FROM images WHERE removed = 1').pluck().all()
  }

  meta(key: string): string | undefined {
    return this.db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck().get(key)
  }

  setMeta(key: string, value: string): void {
    this.db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value)
  }
}
