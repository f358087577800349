import { EngineError } from '../errors'
import type { RegistryClient } from '../registry/client'
import { ConnectionError } from '../registry/errors'
import { asksForPatience, withRetries, type RetryPolicy } from '../registry/retries'
import { familiarName, type Reference } from '../../../shared/reference'
import { digestOf } from '../store/content'
import {
  isIndexType,
  isManifestType,
  maxDocument,
  mediaTypes,
  readIndex,
  readManifest,
  typeOf,
  type Descriptor,
  type ImageManifest,
} from './oci'
import { bestFor, platformName, type Platform } from './platform'
import type { ImageStore, ManifestRow } from './store'

/** An image's manifest as found, with the documents that led to it: the index that has the asked-for digest first. */
export interface FoundManifest {
  manifest: ImageManifest
  documents: ManifestRow[]
}

/** An index in an index in an index leads nowhere that an image needs. */
const deepest = 3

const layerTypes =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(foreign\.)?diff\.tar)([.+](gzip|zstd))?$/
const configTypes =
  /^application\/(vnd\.oci\.image\.config\.v1\+json|vnd\.docker\.container\.image\.v1\+json|octet-stream)$/

/**
 * Finds the manifest that a tag or digest leads to, through an index the one for `platform`. What is known already is not
 * fetched again: a tag costs a HEAD then, which registries do not count. Throws kind 'invalid' for what is no image, or
 * is not what its digest says; 'notFound' when the index has nothing for the platform.
 */
export async function findManifest(
  client: RegistryClient,
  store: Pick<ImageStore, 'manifest'>,
  reference: Reference,
  platform: Platform,
  retries: RetryPolicy,
  signal: AbortSignal,
): Promise<FoundManifest> {
  const documents: ManifestRow[] = []
  const fetch = async (tagOrDigest: string): Promise<ManifestRow> => {
    const isDigest = tagOrDigest.includes(':')
    const digest = isDigest ? tagOrDigest : await client.digestOfTag(tagOrDigest, signal)
    const known = digest && store.manifest(digest)
    if (known) return known
    const { bytes, type } = await client.manifest(tagOrDigest, signal)
    const actual = digestOf(bytes)
    if (isDigest && actual !== tagOrDigest)
      throw new EngineError('invalid', `manifest verification failed for digest ${tagOrDigest}`)
    return { digest: actual, type: statedType(type, bytes, reference), bytes }
  }
  for (let wanted = reference.digest ?? reference.tag!; documents.length < deepest;) {
    const found = await withRetries(
      retries,
      signal,
      () => undefined,
      () => fetch(wanted),
      asksForPatience,
    )
    documents.push(found)
    if (!isIndexType(found.type)) return { manifest: checked(readManifest(found.bytes)), documents }
    const candidates = readIndex(found.bytes).manifests.filter((candidate) => candidate.platform)
    const best = bestFor(platform, candidates, (candidate) => candidate.platform!)
    if (!best)
      throw new EngineError(
        'notFound',
        `no matching manifest for ${platformName(platform)} in the manifest list entries`,
      )
    wanted = best.digest
  }
  throw new EngineError('invalid', `${familiarName(reference)}: index of an index of an index`)
}

/**
 * An image's configuration from a registry, checked. Throws kind 'invalid' for one that is too large or not what its
 * digest says.
 */
export async function fetchConfig(
  client: RegistryClient,
  { digest, size }: Descriptor,
  retries: RetryPolicy,
  signal: AbortSignal,
): Promise<Buffer> {
  if (size > maxDocument) throw new EngineError('invalid', `image configuration of ${size} bytes is too large`)
  return withRetries(
    retries,
    signal,
    () => undefined,
    async () => {
      const { body } = await client.blob({ digest, size }, 0, signal)
      const parts: Uint8Array[] = []
      let length = 0
      for await (const part of body) {
        parts.push(part)
        length += part.length
        if (length > size) break
      }
      const bytes = Buffer.concat(parts)
      if (length >= size && digestOf(bytes) === digest) return bytes
      if (length < size) throw new ConnectionError('internal', `unexpected EOF: got ${length} of ${size} bytes`)
      throw new EngineError('invalid', `image config verification failed for digest ${digest}`)
    },
  )
}

/** The media type of a document, on which the registry and the document itself must agree. */
function statedType(type: string, bytes: Buffer, reference: Reference): string {
  if (type.includes('distribution.manifest.v1+'))
    throw new EngineError(
      'invalid',
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported. Suggest the author of ' +
        `${familiarName(reference)} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.`,
    )
  const own = typeOf(bytes, type)
  if (!isIndexType(own) && !isManifestType(own)) throw new EngineError('invalid', `unsupported media type ${own}`)
  return own
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

/** dockerd's own form of a manifest, down to its indentation. */
export function writeManifest(config: { digest: string; size: number }, layers: readonly PushedLayer[]): ManifestRow {
  // The Docker form has no word for zstd.
  const isOci = layers.some(({ compression }) => compression === 'zstd')
  const type = isOci ? mediaTypes.ociManifest : mediaTypes.dockerManifest
  const layerType = ({ compression }: PushedLayer) =>
    isOci ? `${mediaTypes.ociLayer}+${compression}` : mediaTypes.dockerLayer
  const manifest = {
    schemaVersion: 2,
    mediaType: type,
    config: {
      mediaType: isOci ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
      size: config.size,
      digest: config.digest,
    },
    layers: layers.map((layer) => ({ mediaType: layerType(layer), size: layer.size, digest: layer.digest })),
  }
  const bytes = Buffer.from(JSON.stringify(manifest, null, 3))
  return { digest: digestOf(bytes), type, bytes }
}

/** A layer's tar as a registry has it. */
export interface PushedLayer {
  digest: string
  size: number
  compression: 'gzip' | 'zstd'
}
