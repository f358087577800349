import { familiarName, withDefaultTag, canonicalName, type Reference } from '../../../shared/reference'
import type { GuestFacts } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import { EngineError } from '../errors'
import type { Events } from '../events/events'
import type { Registries } from '../registry/registries'
import type { ContentStore } from '../store/content'
import type { Db } from '../store/database'
import { Admission } from './admission'
import { Archives } from './archives'
import { Catalog } from './catalog'
import { layerFiles } from './layer-files'
import { GuestLayers } from './layers'
import { ImageNews } from './news'
import { guestLayer, type ImageRunConfig } from './oci'
import { askedPlatform, canRun, isPlatform, platformName } from './platform'
import { Removal, type ImageUser, type RemovalRecord } from './removal'
import { select, type Filters } from './selection'
import { Steps } from './steps'
import { ImageStore, type ImageRow } from './store'
import { Transfers, type TransferParts } from './transfers'
import { createdAt, historyView, inspectView, sharedSizes, sizeOf, summaryView, type FullImage } from './views'

export interface ImagesOptions {
  db: Db
  content: ContentStore
  /** Throws kind 'unavailable' when no machine runs. */
  guest: () => Pick<Guest, 'call' | 'open'>
  facts: () => Pick<GuestFacts, 'arch' | 'storageDriver'>
  /** Whether the guest sees this computer's files. */
  sharesFiles: () => boolean
  events: Events
  /** The containers made from an image. */
  usedBy: (imageId: string) => ImageUser[]
  registries: Registries
  config: TransferParts['config']
  retryDelay: TransferParts['retryDelay']
}

/** An image as others use it. */
export interface ResolvedImage {
  /** `sha256:` and the digest of its configuration. */
  id: string
  architecture: string
  os: string
  variant: string
  /** What a container made from it starts with. */
  config: ImageRunConfig
  /** What whoever makes a container of it should know: that this machine may not run it. */
  warnings: string[]
}

/** The images of this engine: how they come, go, and are found. */
export class Images {
  private readonly store: ImageStore
  private readonly catalog: Catalog
  private readonly layers: GuestLayers
  private readonly admission: Admission
  private readonly removal: Removal
  private readonly news: ImageNews
  /** For builds and commit. */
  readonly steps: Steps
  readonly archives: Archives
  readonly transfers: Transfers

  constructor(private readonly options: ImagesOptions) {
    this.store = new ImageStore(options.db)
    this.catalog = new Catalog(this.store)
    this.layers = new GuestLayers(options.content, options.guest, options.sharesFiles)
    this.admission = new Admission(this.store, options.content, this.layers)
    this.steps = new Steps(this.store, options.content, this.layers, this.admission)
    this.removal = new Removal(this.store, options.events, options.usedBy)
    this.news = new ImageNews(options.events, this.catalog, this.store)
    const parts = {
      ...options,
      store: this.store,
      catalog: this.catalog,
      admission: this.admission,
      news: this.news,
      resolve: this.resolve.bind(this),
    }
    this.archives = new Archives(parts)
    this.transfers = new Transfers(parts)
    options.events.listen((event) => {
      if (event.Type === 'container' && event.Action === 'destroy') this.sweepSoon()
    })
  }

  /**
   * Tells which layers, by the agent's ids, lie unpacked in the guest; to be called when the machine has started. What an
   * engine that was killed left unfinished is cleared away.
   */
  guestHas(layers: readonly string[]): void {
    this.layers.set(layers)
    this.sweepSoon()
  }

  count(): number {
    return this.store.all().length
  }

  /**
   * Finds an image by NAME[:TAG], NAME@DIGEST, or an id or its unambiguous beginning. Throws kind 'notFound' when there
   * is none, also when there is one but not for the platform asked for (`linux/386`).
   */
  resolve(reference: string, platform?: string): ResolvedImage {
    const image = this.catalog.find(reference)
    const wanted = askedPlatform(this.options.facts().arch, platform)
    if (platform && !isPlatform(wanted, image))
      throw new EngineError(
        'notFound',
        `image with reference ${reference} was found but its platform (${platformName(image)}) ` +
          `does not match the specified platform (${platformName(wanted)})`,
      )
    const foreign =
      `The requested image's platform (${platformName(image)}) does not match the detected host platform ` +
      `(${platformName(wanted)}) and no specific platform was requested`
    const { id, architecture, os, variant } = image
    const warnings = platform || canRun(wanted, image) ? [] : [foreign]
    return { id, architecture, os, variant, config: this.store.configOf(image).config, warnings }
  }

  /**
   * The agent's ids of an image's layers, top first, all of them unpacked in the guest; those that are not are unpacked
   * now. Also for an image that was removed while a container still needs it.
   */
  async ensureUnpacked(imageId: string): Promise<string[]> {
    const below: string[] = []
    for (const { chainId, diffId, blob } of this.store.layersOf(imageId)) {
      if (!this.layers.has(chainId)) await this.layers.apply({ chainId, diffId, blob, below }, () => undefined)
      below.push(chainId)
    }
    return below.map(guestLayer).reverse()
  }

  /** What a layer of an image adds, changes and takes away. Throws kind 'notFound' when the image has no such layer. */
  layerFiles(name: string, diffId: string) {
    const layer = this.store.layersOf(this.catalog.find(name).id).find((each) => each.diffId === diffId)
    if (!layer) throw new EngineError('notFound', `No such layer: ${diffId}`)
    return layerFiles(this.options.content.read(layer.blob))
  }

  /** The guest's ids of an image's layers, the topmost first, whether unpacked or not. */
  layerIds(imageId: string): string[] {
    return this.store
      .layersOf(imageId)
      .map(({ chainId }) => guestLayer(chainId))
      .reverse()
  }

  tag(source: string, target: Reference): void {
    if (target.digest) throw new EngineError('invalid', 'refusing to create a tag with a digest reference')
    const { id } = this.catalog.find(source)
    const name = withDefaultTag(target)
    this.store.name(canonicalName(name), id)
    this.news.tell('tag', id, familiarName(name))
  }

  /** Untags or deletes; see `Removal`. */
  async remove(reference: string, { force, prune }: { force: boolean; prune: boolean }): Promise<RemovalRecord[]> {
    const records = this.removal.remove(this.catalog.find(reference), reference, force, prune)
    await this.sweep()
    return records
  }

  /** Removes images that no container uses: those without a name, or with `all` every one. */
  async prune(
    all: boolean,
    filters: Filters,
  ): Promise<{ ImagesDeleted: RemovalRecord[] | null; SpaceReclaimed: number }> {
    const before = this.layerBytes()
    const deleted: RemovalRecord[] = []
    for (const { image, references } of this.selected(filters)) {
      const dangling = references.length === 0
      if ((!all && !dangling) || this.options.usedBy(image.id).length > 0) continue
      if (dangling && this.store.childrenOf(image.id).length > 0) continue
      for (const given of dangling ? [image.id] : references) {
        // A tag takes the digests of its repository with it, an image its nameless parents.
        if (dangling ? this.store.get(image.id) : this.store.named(given)) deleted.push(...this.pruneOne(image, given))
      }
    }
    await this.sweep()
    return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: before - this.layerBytes() }
  }

  /**
   * GET /images/json: the newest first; those that are only steps of a build are left out unless `all`. `shared` asks for
   * the bytes that images have in common, too.
   */
  list(all: boolean, filters: Filters, version: number, shared = false): object[] {
    const sizes = shared ? sharedSizes(this.catalog.all()) : undefined
    return this.listed(all, filters).map((image) =>
      summaryView(image, version, { shared: sizes?.get(image.image.id) ?? -1 }),
    )
  }

  /** The images' part of GET /system/df: the bytes of all layers, and each image with what it shares and who uses it. */
  usage(version: number): { layersSize: number; images: object[] } {
    const sizes = sharedSizes(this.catalog.all())
    const images = this.listed(false, new Map()).map((full) => {
      const { id } = full.image
      return summaryView(full, version, { shared: sizes.get(id)!, containers: this.options.usedBy(id).length })
    })
    return { layersSize: this.layerBytes(), images }
  }

  private pruneOne(image: ImageRow, given: string): RemovalRecord[] {
    try {
      return this.removal.remove(image, given, false, true)
    } catch (error) {
      // What another image needs stays.
      if (error instanceof EngineError && error.kind === 'conflict') return []
      throw error
    }
  }

  private listed(all: boolean, filters: Filters): FullImage[] {
    return this.selected(filters)
      .filter(({ image, references }) => all || references.length > 0 || this.store.childrenOf(image.id).length === 0)
      .sort((a, b) => createdAt(b.config) - createdAt(a.config))
  }

  inspect(reference: string, version: number): object {
    return inspectView(this.catalog.full(this.catalog.find(reference)), this.options.facts().storageDriver, version)
  }

  history(reference: string): object[] {
    const image = this.catalog.full(this.catalog.find(reference))
    return historyView(image, this.catalog.lineOf(image))
  }

  /** Bytes of an image's files, also of one that was removed while a container needs it. */
  size(imageId: string): number {
    return sizeOf(this.store.layersOf(imageId))
  }

  private selected(filters: Filters): FullImage[] {
    const createdOf = (reference: string) => createdAt(this.store.configOf(this.catalog.find(reference)))
    return select(this.catalog.all(), filters, createdOf)
  }

  private layerBytes(): number {
    return sizeOf(this.store.allLayers())
  }

  /** Sweeps when nobody waits for it; what then fails is left to the next sweep. */
  private sweepSoon(): void {
    this.sweep().catch(() => undefined)
  }

  /** Removes what was only kept for containers that are gone now, and all that nothing names any more. */
  private async sweep(): Promise<void> {
    for (const id of this.store.removed()) if (this.options.usedBy(id).length === 0) this.store.delete(id, false)
    await this.admission.sweep()
  }
}
