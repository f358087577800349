import { createReadStream, existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { canonicalName, familiarName, parseReference, withDefaultTag, type Reference } from '../../../shared/reference'
import { berthVersion } from '../../../shared/version'
import { EngineError } from '../errors'
import type { ContentStore } from '../store/content'
import type { Admission } from './admission'
import type { Catalog } from './catalog'
import { applyChanges } from './changes'
import { decompress } from './compression'
import { loadedWords, readArchive } from './load'
import type { ImageNews } from './news'
import type { ImageRunConfig } from './oci'
import { askedPlatform, isPlatform, platformName, type Platform } from './platform'
import type { OnProgress } from './progress'
import { writeArchive, type SavedImage } from './save'
import type { ImageStore } from './store'

export interface ArchiveParts {
  store: ImageStore
  catalog: Catalog
  content: ContentStore
  admission: Admission
  news: ImageNews
  facts: () => { arch: string }
}

export interface ImportOptions {
  name?: Reference
  message: string
  /** Dockerfile instructions that change the configuration. */
  changes: string[]
  platform?: string
}

/** Images between here and archives: `docker load`, `save` and `import`. */
export class Archives {
  constructor(private readonly parts: ArchiveParts) {}

  /**
   * Takes in the images of an archive (see `readArchive`); tells `Loaded image: …` for each. With `platform`, only those
   * for it; throws kind 'notFound' when there is none.
   */
  async load(
    source: AsyncIterable<Uint8Array>,
    onProgress: OnProgress,
    signal?: AbortSignal,
    platform?: string,
  ): Promise<void> {
    const { store, content, admission, news } = this.parts
    const wanted = { platform: this.platform(platform), only: platform !== undefined }
    await admission.lease(async (lease) => {
      for (const image of await readArchive(source, content, lease, wanted)) {
        const words = { working: 'Loading layer', idOf: (_: number, diffId: string) => diffId.slice(7, 19) }
        const id = await admission.admit(lease, image, words, onProgress, signal)
        for (const manifest of image.manifests) store.keepManifest(id, manifest)
        for (const name of image.names) {
          const before = store.named(name)?.id
          if (before && before !== id) onProgress({ stream: renamed(name, before) })
          store.name(name, id)
        }
        news.tell('load', id)
        for (const stream of loadedWords(id, image.names)) onProgress({ stream })
      }
    })
  }

  /** Loads the image that the app brings along, once in the life of a data folder, so that there is one to begin with. */
  async loadStarter(file: string): Promise<void> {
    const { store } = this.parts
    if (store.meta('starter') || !existsSync(file)) return
    if (store.all().length === 0) await this.load(createReadStream(file), () => undefined)
    store.setMeta('starter', 'loaded')
  }

  /**
   * Streams an archive of the images that the names mean; a repository without a tag means all its tags. Throws kind
   * 'notFound' for what is not there, or not for `platform` when one is given.
   */
  save(names: readonly string[], platform?: string): Readable {
    const { catalog, content, admission, news, store } = this.parts
    const images = new Map<string, SavedImage & { names: string[] }>()
    for (const name of names) {
      for (const [image, reference] of catalog.forSaving(name)) {
        const wanted = this.platform(platform)
        if (platform && !isPlatform(wanted, image))
          throw new EngineError(
            'notFound',
            `image with reference ${name} was found but does not provide the specified platform (${platformName(wanted)})`,
          )
        const manifests = store.manifestsOf(image.id)
        const saved = images.get(image.id) ?? { ...catalog.full(image), manifests, names: [] }
        if (reference && !saved.names.includes(reference)) saved.names.push(reference)
        images.set(image.id, saved)
      }
    }
    for (const id of images.keys()) news.tell('save', id)
    const archive = writeArchive([...images.values()], content)
    // What is being read stays until it is read, even if the images are removed meanwhile.
    const reading = admission.lease(async (lease) => {
      for (const { layers } of images.values()) for (const { blob } of layers) lease.blobs.add(blob)
      await finished(archive)
    })
    reading.catch(() => undefined)
    return archive
  }

  /** Makes an image of one layer from a tar of a root file system; returns its id. */
  async import(
    source: AsyncIterable<Uint8Array>,
    { name, message, changes, platform }: ImportOptions,
    signal?: AbortSignal,
  ): Promise<string> {
    const { store, content, admission, news } = this.parts
    const imagePlatform = this.platform(platform)
    const config = applyChanges({}, changes)
    return admission.lease(async (lease) => {
      const { digest } = await content.ingest(decompress(source), lease.blobs)
      const bytes = importedConfig(imagePlatform, config, digest, message)
      const words = { working: 'Extracting', idOf: () => digest.slice(7, 19) }
      const id = await admission.admit(lease, { config: bytes, blobs: [digest] }, words, () => undefined, signal)
      if (name) store.name(canonicalName(withDefaultTag(name)), id)
      news.tell('import', id)
      return id
    })
  }

  private platform(text?: string): Platform {
    return askedPlatform(this.parts.facts().arch, text)
  }
}

const renamed = (name: string, before: string) =>
  `The image ${familiarName(parseReference(name))} already exists, renaming the old one with ID ${before} to empty string\n`

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
