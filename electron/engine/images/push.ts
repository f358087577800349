import { canonicalName, familiarName, repositoryOf, type Reference } from '../../../shared/reference'
import { EngineError } from '../errors'
import type { RegistryClient } from '../registry/client'
import { AuthorizationError, RegistryError } from '../registry/errors'
import { retryWord, withRetries, type RetryPolicy } from '../registry/retries'
import type { ContentStore } from '../store/content'
import { limiter } from './limiter'
import { writeManifest, type PushedLayer } from './manifests'
import { isManifestType, readManifest, type Descriptor } from './oci'
import { step, type OnProgress } from './progress'
import type { ImageRow, ImageStore, LayerRow, ManifestRow } from './store'
import { compressionOf, isThere, upload } from './upload'

export interface PushParts {
  client: RegistryClient
  store: ImageStore
  content: ContentStore
  retries: RetryPolicy
  /** How many layers at a time. */
  parallel: number
}

/**
 * Pushes the image that a tag names: its layers side by side, then its configuration, then its manifest, which is the one
 * that the image was pulled by, byte for byte, where there is one. What the registry has already is not sent. Returns
 * what dockerd tells of it. Throws EngineErrors in dockerd's words.
 */
export async function pushImage(
  parts: PushParts,
  reference: Reference,
  image: ImageRow,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const { client, store } = parts
  const layers = store.layersOf(image.id)
  const limit = limiter(parts.parallel)
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const original = manifestsFor(store, image, layers.length)[0]?.layers
  // dockerd tells and sends the newest first.
  const newestFirst = layers.map((layer, at) => ({ ...layer, original: original?.[at] })).reverse()
  for (const { diffId } of newestFirst) onProgress(step(short(diffId), 'Preparing'))
  const sent = newestFirst.map((layer) =>
    limit(
      () => onProgress(step(short(layer.diffId), 'Waiting')),
      () => pushLayer(parts, reference, layer, onProgress, either),
    ),
  )
  for (const each of sent) each.catch((error: unknown) => failed.abort(error))
  await Promise.allSettled(sent)
  if (failed.signal.aborted) throw bare(failed.signal.reason)
  const pushed = (await Promise.all(sent)).reverse()

  try {
    await pushConfig(parts, image, signal)
    const manifest = keptManifest(store, image, pushed) ?? writeManifest(blobOf(image), pushed)
    await client.putManifest(reference.tag!, manifest.type, manifest.bytes, signal)
    store.keepManifest(image.id, manifest)
    store.name(canonicalName({ ...reference, tag: undefined, digest: manifest.digest }), image.id)
    const size = manifest.bytes.length
    onProgress({ status: `${reference.tag}: digest: ${manifest.digest} size: ${size}` })
    onProgress({ progressDetail: {}, aux: { Tag: reference.tag!, Digest: manifest.digest, Size: size } })
  } catch (error) {
    throw bare(error)
  }
}

const short = (digest: string) => digest.slice('sha256:'.length).slice(0, 12)
const blobOf = ({ id, config }: ImageRow) => ({ digest: id, size: config.length })

/** The manifest whose layers are the very blobs that were sent, if there is one. */
function keptManifest(store: ImageStore, image: ImageRow, pushed: readonly PushedLayer[]): ManifestRow | undefined {
  return manifestsFor(store, image, pushed.length).find(({ layers }) =>
    layers.every(({ digest }, at) => digest === pushed[at]!.digest),
  )?.row
}

/** The manifests of so many layers that an image came by or was pushed with before. */
function manifestsFor(store: ImageStore, image: ImageRow, count: number) {
  const own = store.manifestsOf(image.id).filter(({ type }) => isManifestType(type))
  return own
    .map((row) => ({ row, layers: readManifest(row.bytes).layers }))
    .filter(({ layers }) => layers.length === count)
}

async function pushConfig({ client, retries }: PushParts, image: ImageRow, signal: AbortSignal): Promise<void> {
  const { digest, size } = blobOf(image)
  await withRetries(
    retries,
    signal,
    () => undefined,
    async () => {
      if ((await client.has(digest, signal)) !== undefined) return
      const location = await client.startUpload(undefined, signal)
      await client.finishUpload(location!, digest, { body: image.config, size }, signal)
    },
  )
}

async function pushLayer(
  parts: PushParts,
  reference: Reference,
  { original, ...layer }: LayerRow & { original: Descriptor | undefined },
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<PushedLayer> {
  const { client, store, content, retries } = parts
  signal.throwIfAborted()
  const id = short(layer.diffId)
  const repository = repositoryOf(reference)
  const compression = await compressionOf(content, layer.blob)
  // A blob that a registry has counts before the one that lies here when the image's own manifest names it: then that
  // manifest goes out as it is. Else, what lies here compressed is sent so, and what does not is compressed on its way.
  const isOriginal = ({ digest }: { digest: string }) => digest === original?.digest
  const sources = store.sourcesOf(layer.diffId)
  const candidates = [
    ...sources.filter(isOriginal),
    ...sources.filter((source) => !isOriginal(source) && (compression === undefined || source.digest === layer.blob)),
  ]
  const known = [
    ...(original ? [original.digest] : []),
    ...(compression === undefined ? candidates.map(({ digest }) => digest) : [layer.blob]),
  ]
  const formOf = (digest: string) => {
    if (digest === layer.blob) return compression ?? 'gzip'
    return digest === original?.digest && original.mediaType?.endsWith('zstd') ? 'zstd' : 'gzip'
  }
  const learn = ({ digest, size }: { digest: string; size: number }): PushedLayer => {
    store.addSource(layer.diffId, { repository, digest, size })
    return { digest, size, compression: formOf(digest) }
  }
  return withRetries(
    retries,
    signal,
    (seconds) => onProgress(step(id, retryWord(seconds))),
    async () => {
      const there = await isThere(client, known, signal)
      if (there) {
        onProgress(step(id, 'Layer already exists'))
        return learn(there)
      }
      const mount = candidates.find(
        (source) => source.repository !== repository && sameRegistry(source.repository, reference),
      )
      const from = mount?.repository.slice(reference.domain.length + 1)
      const location = await client.startUpload(mount && { digest: mount.digest, from: from! }, signal)
      if (location === undefined) {
        onProgress(step(id, `Mounted from ${from}`))
        return learn(mount!)
      }
      if (mount) store.removeSource(layer.diffId, mount)
      const sent = await upload(client, content, layer, compression, location, onProgress, signal)
      onProgress(step(id, 'Pushed'))
      return learn(sent)
    },
  )
}

const sameRegistry = (repository: string, { domain }: Reference) => repository.startsWith(`${domain}/`)

/** dockerd tells a push's refusal without the request that met it. */
function bare(error: unknown): unknown {
  if (error instanceof AuthorizationError) return new EngineError('internal', error.bare, { cause: error })
  if (error instanceof RegistryError && error.status === 401 && error.code === 'DENIED')
    return new EngineError('internal', error.message, { cause: error })
  return error
}

/** The words of what cannot be pushed. */
export const noSuchImage = (reference: Reference) =>
  new EngineError(
    'notFound',
    `An image does not exist locally with the tag: ${familiarName({ ...reference, tag: undefined })}`,
  )
export const noSuchTag = (reference: Reference) =>
  new EngineError('notFound', `tag does not exist: ${familiarName(reference)}`)
export const noTags = (reference: Reference) =>
  new EngineError('notFound', `no tags to push for ${familiarName({ ...reference, tag: undefined })}`)
