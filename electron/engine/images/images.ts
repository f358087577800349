import { existsSync, createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  repositoryOf,
  withDefaultTag,
  type Reference,
} from '../../../shared/reference'
import { berthVersion } from '../../../shared/version'
import type { GuestFacts } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import { EngineError } from '../errors'
import type { Events } from '../events/events'
import type { Credentials } from '../registry/auth'
import type { RegistryClient } from '../registry/client'
import type { Registries } from '../registry/registries'
import type { RetryPolicy } from '../registry/retries'
import { type ContentStore } from '../store/content'
import type { Db } from '../store/database'
import type { EngineConfig } from '../system/config'
import { Admission } from './admission'
import { Catalog } from './catalog'
import { applyChanges } from './changes'
import { decompress } from './compression'
import { Downloads } from './downloads'
import { GuestLayers } from './layers'
import { loadedWords, readArchive } from './load'
import { guestLayer, type ImageConfig, type ImageRunConfig } from './oci'
import { canRun, isPlatform, parsePlatform, platformName, type Platform } from './platform'
import type { OnProgress } from './progress'
import { pullImage } from './pull'
import { noSuchImage, noSuchTag, noTags, pushImage } from './push'
import { Removal, type ImageUser, type RemovalRecord } from './removal'
import { writeArchive, type SavedImage } from './save'
import { select, type Filters } from './selection'
import { Steps } from './steps'
import { ImageStore, type ImageRow } from './store'
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
  config: Pick<EngineConfig, 'max-concurrent-downloads' | 'max-concurrent-uploads' | 'max-download-attempts'>
  /** Milliseconds before a broken transfer is tried again; doubled for each time after that. */
  retryDelay?: number
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
  private readonly retries: RetryPolicy
  private readonly downloads: Downloads
  /** For builds and commit. */
  readonly steps: Steps

  constructor(private readonly options: ImagesOptions) {
    const { content, config } = options
    this.retries = { attempts: config['max-download-attempts'], delay: options.retryDelay ?? 1000 }
    this.downloads = new Downloads(content, config['max-concurrent-downloads'], this.retries)
    this.store = new ImageStore(options.db)
    this.catalog = new Catalog(this.store)
    this.layers = new GuestLayers(options.content, options.guest, options.sharesFiles)
    this.admission = new Admission(this.store, options.content, this.layers)
    this.steps = new Steps(this.store, options.content, this.layers, this.admission)
    this.removal = new Removal(this.store, options.events, options.usedBy)
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
    const wanted = this.platform(platform)
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

  /**
   * Pulls what `reference` names: one tag or digest, or every tag of the repository when it names neither. A mirror that
   * cannot help is passed over.
   */
  async pull(
    reference: Reference,
    onProgress: OnProgress,
    signal: AbortSignal,
    { platform, credentials }: { platform?: string; credentials?: Credentials } = {},
  ): Promise<void> {
    const wanted = this.platform(platform)
    const clients = await this.options.registries.forPull(reference, credentials)
    for (const [position, client] of clients.entries()) {
      try {
        return await this.pullFrom(client, reference, wanted, onProgress, signal)
      } catch (error) {
        if (position === clients.length - 1 || signal.aborted) throw error
      }
    }
  }

  private async pullFrom(
    client: RegistryClient,
    reference: Reference,
    platform: Platform,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const { content } = this.options
    const { store, admission, downloads } = this
    const parts = { client, store, content, admission, downloads, retries: this.retries }
    const one = reference.tag ?? reference.digest
    const references = one ? [reference] : (await client.tags(signal)).map((tag) => ({ ...reference, tag }))
    let changed = false
    for (const each of references) {
      changed = (await pullImage(parts, each, platform, onProgress, signal)) || changed
      const name = familiarName(each)
      this.options.events.emit('image', 'pull', name, { ...this.labels(name), name: familiarRepository(each) })
    }
    const word = changed ? 'Downloaded newer image' : 'Image is up to date'
    onProgress({ status: `Status: ${word} for ${familiarName(reference)}` })
  }

  /** Pushes one tag, or with none every tag of the repository. */
  async push(
    reference: Reference,
    onProgress: OnProgress,
    signal: AbortSignal,
    { platform, credentials }: { platform?: string; credentials?: Credentials } = {},
  ): Promise<void> {
    onProgress({ status: `The push refers to repository [${repositoryOf(reference)}]` })
    const names = this.store.referencesIn(repositoryOf(reference))
    if (names.length === 0) throw noSuchImage(reference)
    if (reference.digest) throw new EngineError('invalid', 'cannot push a digest reference')
    const tagged = names.map(parseReference).filter(({ tag }) => tag && (!reference.tag || tag === reference.tag))
    const client = await this.options.registries.forPush(reference, credentials)
    await client.reach(signal)
    if (tagged.length === 0) throw reference.tag ? noSuchTag(reference) : noTags(reference)
    const { content, config } = this.options
    const parallel = config['max-concurrent-uploads']
    const parts = { client, store: this.store, content, retries: this.retries, parallel }
    for (const each of tagged) {
      const { id } = this.resolve(familiarName(each), platform)
      await this.admission.lease(async (lease) => {
        for (const { blob } of this.store.layersOf(id)) lease.blobs.add(blob)
        await pushImage(parts, each, this.store.get(id)!, onProgress, signal)
      })
      const name = familiarName(each)
      this.options.events.emit('image', 'push', name, { ...this.labels(name), name: familiarRepository(each) })
    }
  }

  /** Takes in the images of an archive (see `readArchive`); tells `Loaded image: …` for each. */
  async load(source: AsyncIterable<Uint8Array>, onProgress: OnProgress, signal?: AbortSignal): Promise<void> {
    await this.admission.lease(async (lease) => {
      const found = await readArchive(source, this.options.content, lease, this.platform())
      for (const image of found) {
        const words = { working: 'Loading layer', idOf: (_: number, diffId: string) => diffId.slice(7, 19) }
        const id = await this.admission.admit(lease, image, words, onProgress, signal)
        for (const name of image.names) {
          const before = this.store.named(name)?.id
          if (before && before !== id)
            onProgress({
              stream: `The image ${familiarName(parseReference(name))} already exists, renaming the old one with ID ${before} to empty string\n`,
            })
          this.store.name(name, id)
        }
        this.emit('load', id)
        for (const stream of loadedWords(id, image.names)) onProgress({ stream })
      }
    })
  }

  /** Loads the image that the app brings along, once in the life of a data folder, so that there is one to begin with. */
  async loadStarter(file: string): Promise<void> {
    if (this.store.meta('starter') || !existsSync(file)) return
    if (this.count() === 0) await this.load(createReadStream(file), () => undefined)
    this.store.setMeta('starter', 'loaded')
  }

  /** Streams an archive of the images that the names mean; a repository without a tag means all its tags. */
  save(names: readonly string[]): Readable {
    const images = new Map<string, SavedImage & { names: string[] }>()
    for (const name of names) {
      for (const [image, reference] of this.catalog.forSaving(name)) {
        const saved = images.get(image.id) ?? { ...this.catalog.full(image), names: [] }
        if (reference && !saved.names.includes(reference)) saved.names.push(reference)
        images.set(image.id, saved)
      }
    }
    for (const id of images.keys()) this.emit('save', id)
    const archive = writeArchive([...images.values()], this.options.content)
    // What is being read stays until it is read, even if the images are removed meanwhile.
    const reading = this.admission.lease(async (lease) => {
      for (const { layers } of images.values()) for (const { blob } of layers) lease.blobs.add(blob)
      await finished(archive)
    })
    reading.catch(() => undefined)
    return archive
  }

  /** Makes an image of one layer from a tar of a root file system; returns its id. */
  async import(
    source: AsyncIterable<Uint8Array>,
    { name, message, changes, platform }: { name?: Reference; message: string; changes: string[]; platform?: string },
    signal?: AbortSignal,
  ): Promise<string> {
    const imagePlatform = this.platform(platform)
    const config = applyChanges({}, changes)
    return this.admission.lease(async (lease) => {
      const { digest } = await this.options.content.ingest(decompress(source), lease.blobs)
      const bytes = importedConfig(imagePlatform, config, digest, message)
      const words = { working: 'Extracting', idOf: () => digest.slice(7, 19) }
      const id = await this.admission.admit(lease, { config: bytes, blobs: [digest] }, words, () => undefined, signal)
      if (name) this.store.name(canonicalName(withDefaultTag(name)), id)
      this.emit('import', id)
      return id
    })
  }

  tag(source: string, target: Reference): void {
    if (target.digest) throw new EngineError('invalid', 'refusing to create a tag with a digest reference')
    const { id } = this.catalog.find(source)
    const name = withDefaultTag(target)
    this.store.name(canonicalName(name), id)
    this.options.events.emit('image', 'tag', id, { ...this.labels(id), name: familiarName(name) })
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

  private platform(text?: string): Platform {
    const architecture = this.options.facts().arch
    return text ? parsePlatform(text, architecture) : { os: 'linux', architecture }
  }

  private selected(filters: Filters): FullImage[] {
    const createdOf = (reference: string) => createdAt(this.store.configOf(this.catalog.find(reference)))
    return select(this.catalog.all(), filters, createdOf)
  }

  private layerBytes(): number {
    return sizeOf(this.store.allLayers())
  }

  private labels(reference: string): Record<string, string> {
    const image: ImageConfig = this.store.configOf(this.catalog.find(reference))
    return image.config.Labels ?? {}
  }

  private emit(action: string, id: string): void {
    this.options.events.emit('image', action, id, { ...this.labels(id), name: id })
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

/** The configuration of an image that is a single tar, brought in from elsewhere. */
function importedConfig(
  { os, architecture, variant }: Platform,
  config: ImageRunConfig,
  diffId: string,
  comment: string,
): Buffer {
  const created = new Date().toISOString()
  const history = [{ created, comment }]
  const rootfs = { type: 'layers', diff_ids: [diffId] }
  const docker_version = berthVersion
  return Buffer.from(
    JSON.stringify({ architecture, variant, comment, config, created, docker_version, history, os, rootfs }),
  )
}
