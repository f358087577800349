import { setTimeout } from 'node:timers/promises'
import {
  canonicalName,
  familiarName,
  familiarRepository,
  repositoryOf,
  type Reference,
} from '../../../shared/reference'
import { EngineError } from '../errors'
import type { RegistryClient } from '../registry/client'
import { ConnectionError, RegistryError } from '../registry/errors'
import { digestOf, type ContentStore } from '../store/content'
import type { EngineConfig } from '../system/config'
import type { Admission, Lease } from './admission'
import {
  chainIds,
  isIndexType,
  maxDocument,
  readConfig,
  readIndex,
  readManifest,
  typeOf,
  type Descriptor,
  type ImageManifest,
} from './oci'
import { bestFor, platformName, type Platform } from './platform'
import { meter, step, type OnProgress } from './progress'
import type { ImageStore } from './store'
import { counted } from './streams'

const layerTypes =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(foreign\.)?diff\.tar)([.+](gzip|zstd))?$/
const configTypes =
  /^application\/(vnd\.oci\.image\.config\.v1\+json|vnd\.docker\.container\.image\.v1\+json|octet-stream)$/

export interface PullParts {
  client: RegistryClient
  store: ImageStore
  content: ContentStore
  admission: Admission
  config: Pick<EngineConfig, 'max-concurrent-downloads' | 'max-download-attempts'>
}

/** Short enough for a progress line: the first 12 hex digits. */
const short = (digest: string) => digest.slice('sha256:'.length).slice(0, 12)

/**
 * Pulls one image: its manifest (through an index the one for `platform`), its configuration, its layers three at a
 * time, each unpacked as soon as those below it are. The name moves to the image at the very end. Throws EngineErrors in
 * dockerd's words; nothing stays of an image that did not come whole.
 */
export async function pullImage(
  parts: PullParts,
  reference: Reference,
  platform: Platform,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const { client, store, admission } = parts
  const wanted = reference.digest ?? reference.tag!
  const top = await fetchManifest(client, wanted, signal).catch((error: unknown) => {
    throw pullError(error, reference)
  })
  if (reference.digest && top.digest !== reference.digest)
    throw new EngineError('invalid', `manifest verification failed for digest ${reference.digest}`)
  onProgress({ status: `Pulling from ${reference.path}`, id: wanted })

  const manifest = await resolveManifest(client, top, platform, reference, signal)
  const name = canonicalName(reference.digest ? { ...reference, tag: undefined } : reference)
  const before = store.named(name)?.id
  const id = await admission.lease((lease) => fetchImage(parts, lease, manifest, onProgress, signal))
  store.name(name, id)
  store.name(`${repositoryOf(reference)}@${top.digest}`, id)

  const familiar = familiarName(reference)
  onProgress({ status: `Digest: ${top.digest}` })
  onProgress({
    status:
      id === before ? `Status: Image is up to date for ${familiar}` : `Status: Downloaded newer image for ${familiar}`,
  })
}

interface Fetched {
  bytes: Buffer
  digest: string
  type: string
}

async function fetchManifest(client: RegistryClient, tagOrDigest: string, signal: AbortSignal): Promise<Fetched> {
  const { bytes, type } = await client.manifest(tagOrDigest, signal)
  return {
    bytes,
    digest: digestOf(bytes),
    type: /json|jws/.test(type) && type !== 'application/json' ? type : typeOf(bytes),
  }
}

async function resolveManifest(
  client: RegistryClient,
  found: Fetched,
  platform: Platform,
  reference: Reference,
  signal: AbortSignal,
): Promise<ImageManifest> {
  if (found.type.includes('distribution.manifest.v1+'))
    throw new EngineError(
      'invalid',
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported. Suggest the author of ' +
        `${familiarName(reference)} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.`,
    )
  if (!isIndexType(found.type)) return checked(readManifest(found.bytes))
  const candidates = readIndex(found.bytes).manifests.filter((candidate) => candidate.platform)
  const best = bestFor(platform, candidates, (candidate) => candidate.platform!)
  if (!best)
    throw new EngineError('notFound', `no matching manifest for ${platformName(platform)} in the manifest list entries`)
  const child = await fetchManifest(client, best.digest, signal)
  if (child.digest !== best.digest)
    throw new EngineError('invalid', `manifest verification failed for digest ${best.digest}`)
  return resolveManifest(client, child, platform, reference, signal)
}

/** Refuses what is not an image, e.g. a Helm chart, before anything is downloaded. */
function checked(manifest: ImageManifest): ImageManifest {
  const types = [
    { known: configTypes, type: manifest.config.mediaType },
    ...manifest.layers.map((layer) => ({ known: layerTypes, type: layer.mediaType })),
  ]
  const strange = types.find(({ known, type }) => !known.test(type ?? ''))
  if (strange) throw new EngineError('invalid', `unsupported media type ${strange.type}`)
  return manifest
}

async function fetchImage(
  parts: PullParts,
  lease: Lease,
  manifest: ImageManifest,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<string> {
  const { store, content, admission } = parts
  const config = store.get(manifest.config.digest)?.config ?? (await fetchConfig())
  const chain = chainIds(readConfig(config).rootfs.diff_ids)

  async function fetchConfig() {
    await fetchBlob(parts, lease, manifest.config, () => undefined, signal)
    return content.bytes(manifest.config.digest, maxDocument)
  }

  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const limit = limiter(parts.config['max-concurrent-downloads'])
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
    await limit(
      () => onProgress(step(id, 'Waiting')),
      () => download(parts, lease, layer, onProgress, either),
    )
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
    return await admission.admit(lease, { config, blobs }, words, onProgress, either)
  } catch (error) {
    // A download that failed first has the cause; this abort then changes nothing.
    failed.abort(error)
    await Promise.allSettled(blobs)
    throw failed.signal.reason
  }
}

async function download(
  parts: PullParts,
  lease: Lease,
  layer: Descriptor,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const id = short(layer.digest)
  await fetchBlob(parts, lease, layer, meter(onProgress, 'Downloading', id, layer.size), signal)
  onProgress(step(id, 'Verifying Checksum'))
  onProgress(step(id, 'Download complete'))
}

/** Brings a blob into the content store; a connection that breaks is tried again, content that is wrong is not. */
async function fetchBlob(
  { client, content, config }: PullParts,
  lease: Lease,
  { digest, size }: Descriptor,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await content.ingest(counted(await client.blob(digest, signal), onBytes), lease.blobs, { digest, size })
      return
    } catch (error) {
      const broken = error instanceof ConnectionError || !(error instanceof EngineError)
      if (!broken || signal.aborted || attempt === config['max-download-attempts']) throw error
      await setTimeout(attempt * 200, undefined, { signal })
    }
  }
}

/** Lets `most` tasks run at once; one that has to wait is told so by `onWait`. */
function limiter(most: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async (onWait: () => void, task: () => Promise<void>): Promise<void> => {
    if (running >= most) {
      onWait()
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running++
    try {
      await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
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
