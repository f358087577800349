import {
  canonicalName,
  familiarName,
  familiarRepository,
  repositoryOf,
  type Reference,
} from '../../../shared/reference'
import { EngineError } from '../errors'
import type { RegistryClient } from '../registry/client'
import { RegistryError } from '../registry/errors'
import { retryWord, type RetryPolicy } from '../registry/retries'
import type { ContentStore } from '../store/content'
import type { Admission, Lease } from './admission'
import type { Downloads } from './downloads'
import { fetchConfig, findManifest } from './manifests'
import { chainIds, readConfig, type Descriptor, type ImageManifest } from './oci'
import type { Platform } from './platform'
import { meter, step, type OnProgress } from './progress'
import type { ImageStore } from './store'

export interface PullParts {
  client: RegistryClient
  store: ImageStore
  content: ContentStore
  admission: Admission
  downloads: Downloads
  retries: RetryPolicy
}

/** Short enough for a progress line: the first 12 hex digits. */
const short = (digest: string) => digest.slice('sha256:'.length).slice(0, 12)

/**
 * Pulls one image: its manifest (through an index the one for `platform`), its configuration, its layers side by side,
 * each unpacked as soon as those below it are. The name moves to the image at the very end. Returns whether it leads to
 * another image than before. Throws EngineErrors in dockerd's words; nothing stays of an image that did not come whole
 * but the beginnings of its layers, to be continued.
 */
export async function pullImage(
  parts: PullParts,
  reference: Reference,
  platform: Platform,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, store, admission, retries } = parts
  const { manifest, documents } = await findManifest(client, store, reference, platform, retries, signal).catch(
    (error: unknown) => {
      throw pullError(error, reference)
    },
  )
  onProgress({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag! })
  const name = canonicalName(reference.digest ? { ...reference, tag: undefined } : reference)
  const before = store.named(name)?.id
  const { id, diffIds } = await admission.lease((lease) => fetchImage(parts, lease, manifest, onProgress, signal))
  for (const document of documents) store.keepManifest(id, document)
  manifest.layers.forEach(({ digest, size }, position) =>
    store.addSource(diffIds[position]!, { repository: repositoryOf(reference), digest, size }),
  )
  const { digest } = documents[0]!
  store.name(name, id)
  store.name(`${repositoryOf(reference)}@${digest}`, id)
  onProgress({ status: `Digest: ${digest}` })
  return id !== before
}

async function fetchImage(
  parts: PullParts,
  lease: Lease,
  manifest: ImageManifest,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<{ id: string; diffIds: readonly string[] }> {
  const { client, store, content, admission, downloads, retries } = parts
  const here = store.get(manifest.config.digest)
  const config = here?.config ?? (await fetchConfig(client, manifest.config, retries, signal))
  const { diff_ids: diffIds } = readConfig(config).rootfs
  // Of an image that is here nothing is fetched, and dockerd tells nothing.
  if (here && diffIds.length === manifest.layers.length) return { id: here.id, diffIds }
  const chain = chainIds(diffIds)

  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const blobs = manifest.layers.map(async (layer, position) => {
    const id = short(layer.digest)
    const known = store.layer(chain[position] ?? '')
    const blob = known?.blob ?? layer.digest
    lease.blobs.add(blob)
    if ((await content.size(blob)) !== undefined) {
      onProgress(step(id, 'Already exists'))
      return blob
    }
    onProgress(step(id, 'Pulling fs layer'))
    await download(client, downloads, layer, onProgress, either)
    return layer.digest
  })
  // The first failure ends the other downloads.
  for (const blob of blobs) blob.catch((error: unknown) => failed.abort(error))
  const words = {
    working: 'Extracting',
    done: 'Pull complete',
    idOf: (position: number) => short(manifest.layers[position]!.digest),
  }
  try {
    return { id: await admission.admit(lease, { config, blobs }, words, onProgress, either), diffIds }
  } catch (error) {
    // A download that failed first has the cause; this abort then changes nothing.
    failed.abort(error)
    await Promise.allSettled(blobs)
    throw failed.signal.reason
  }
}

async function download(
  client: RegistryClient,
  downloads: Downloads,
  layer: Descriptor,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const id = short(layer.digest)
  const watcher = {
    onWait: () => onProgress(step(id, 'Waiting')),
    onBytes: meter(onProgress, 'Downloading', id, layer.size),
    onRetry: (seconds: number) => onProgress(step(id, retryWord(seconds))),
  }
  await downloads.fetch(client, layer, watcher, signal)
  onProgress(step(id, 'Verifying Checksum'))
  onProgress(step(id, 'Download complete'))
}

/** Docker's words for a name that the registry does not have or does not show. */
function pullError(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error
  const repository = familiarRepository(reference)
  const words: Record<string, string> = {
    DENIED: `pull access denied for ${repository}, repository does not exist or may require 'docker login'`,
    MANIFEST_UNKNOWN: `manifest for ${familiarName(reference)} not found`,
    NAME_UNKNOWN: `repository ${repository} not found`,
  }
  const word = words[error.code]
  return word ? new EngineError('notFound', `${word}: ${error.message}`, { cause: error }) : error
}
