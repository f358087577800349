import {
  familiarName,
  familiarRepository,
  parseReference,
  repositoryOf,
  type Reference,
} from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import type { Credentials } from '../registry/auth'
import type { RegistryClient } from '../registry/client'
import type { Registries } from '../registry/registries'
import type { RetryPolicy } from '../registry/retries'
import type { ContentStore } from '../store/content'
import type { EngineConfig } from '../system/config'
import type { Admission } from './admission'
import { Downloads } from './downloads'
import type { ImageNews } from './news'
import { askedPlatform, type Platform } from './platform'
import type { OnProgress } from './progress'
import { pullImage } from './pull'
import { noSuchImage, noSuchTag, noTags, pushImage } from './push'
import type { ImageStore } from './store'

export interface TransferParts {
  store: ImageStore
  content: ContentStore
  admission: Admission
  news: ImageNews
  registries: Registries
  facts: () => { arch: string }
  config: Pick<EngineConfig, 'max-concurrent-downloads' | 'max-concurrent-uploads' | 'max-download-attempts'>
  /** Milliseconds before a broken transfer is tried again; doubled for each time after that. */
  retryDelay: number
  /** Finds an image, of a platform when one is given. */
  resolve: (reference: string, platform?: string) => { id: string }
}

export interface TransferOptions {
  /** `linux/386`; this machine's when it is not given. */
  platform?: string
  credentials?: Credentials
}

/** Images between here and registries. */
export class Transfers {
  private readonly retries: RetryPolicy
  private readonly downloads: Downloads

  constructor(private readonly parts: TransferParts) {
    const { content, config, retryDelay } = parts
    this.retries = { attempts: config['max-download-attempts'], delay: retryDelay }
    this.downloads = new Downloads(content, config['max-concurrent-downloads'], this.retries)
  }

  /**
   * Pulls what `reference` names: one tag or digest, or every tag of the repository when it names neither. A mirror that
   * cannot help is passed over.
   */
  async pull(
    reference: Reference,
    onProgress: OnProgress,
    signal: AbortSignal,
    { platform, credentials }: TransferOptions = {},
  ): Promise<void> {
    const wanted = askedPlatform(this.parts.facts().arch, platform)
    const clients = await this.parts.registries.forPull(reference, credentials)
    for (const [position, client] of clients.entries()) {
      try {
        await this.pullFrom(client, reference, wanted, onProgress, signal)
        if (platform) this.warnOfAnother(reference, platform, onProgress)
        return
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
    const { store, content, admission } = this.parts
    const parts = { client, store, content, admission, downloads: this.downloads, retries: this.retries }
    const one = reference.tag ?? reference.digest
    const references = one ? [reference] : (await client.tags(signal)).map((tag) => ({ ...reference, tag }))
    let changed = false
    for (const each of references) {
      changed = (await pullImage(parts, each, platform, onProgress, signal)) || changed
      this.parts.news.tell('pull', familiarName(each), familiarRepository(each))
    }
    const word = changed ? 'Downloaded newer image' : 'Image is up to date'
    onProgress({ status: `Status: ${word} for ${familiarName(reference)}` })
  }

  /** A registry may have but one platform under a name, and that another one: dockerd then only warns. */
  private warnOfAnother(reference: Reference, platform: string, onProgress: OnProgress): void {
    try {
      this.parts.resolve(familiarName(reference), platform)
    } catch (error) {
      onProgress({ status: `WARNING: ${messageOf(error)}` })
    }
  }

  /** Pushes one tag, or with none every tag of the repository. */
  async push(
    reference: Reference,
    onProgress: OnProgress,
    signal: AbortSignal,
    { platform, credentials }: TransferOptions = {},
  ): Promise<void> {
    onProgress({ status: `The push refers to repository [${repositoryOf(reference)}]` })
    const { store, content, admission, news, resolve } = this.parts
    const names = store.referencesIn(repositoryOf(reference))
    if (names.length === 0) throw noSuchImage(reference)
    if (reference.digest) throw new EngineError('invalid', 'cannot push a digest reference')
    const tagged = names.map(parseReference).filter(({ tag }) => tag && (!reference.tag || tag === reference.tag))
    const client = await this.parts.registries.forPush(reference, credentials)
    await client.reach(signal)
    if (tagged.length === 0) throw reference.tag ? noSuchTag(reference) : noTags(reference)
    const parallel = this.parts.config['max-concurrent-uploads']
    const parts = { client, store, content, retries: this.retries, parallel }
    for (const each of tagged) {
      const { id } = resolve(familiarName(each), platform)
      await admission.lease(async (lease) => {
        for (const { blob } of store.layersOf(id)) lease.blobs.add(blob)
        await pushImage(parts, each, store.get(id)!, onProgress, signal)
      })
      news.tell('push', familiarName(each), familiarRepository(each))
    }
  }
}
