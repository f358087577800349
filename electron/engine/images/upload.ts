import { createHash } from 'node:crypto'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { RegistryClient } from '../registry/client'
import type { Blob, ContentStore } from '../store/content'
import { compressionIn, longestMagic, type Compression } from './compression'
import { meter, type OnProgress } from './progress'
import type { LayerRow } from './store'
import { counted, readableOf } from './streams'

/** How many blobs a registry is asked for in vain before a layer is sent. */
const mostQuestions = 3

/** How a layer's tar lies in the content store; undefined for not compressed. */
export async function compressionOf(content: ContentStore, digest: string): Promise<Compression | undefined> {
  return compressionIn(await content.head(digest, longestMagic))
}

/** The first of a layer's blobs that a repository has, if it has one. */
export async function isThere(
  client: RegistryClient,
  digests: readonly string[],
  signal: AbortSignal,
): Promise<Blob | undefined> {
  for (const digest of [...new Set(digests)].slice(0, mostQuestions)) {
    const size = await client.has(digest, signal)
    if (size !== undefined) return { digest, size }
  }
  return undefined
}

/**
 * Sends a layer's tar to where an upload began: as it lies in the content store when it is compressed there, else
 * compressed on its way. Returns what the registry has then.
 */
export async function upload(
  client: RegistryClient,
  content: ContentStore,
  layer: LayerRow,
  compression: Compression | undefined,
  location: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Blob> {
  const size = (await content.size(layer.blob))!
  const tell = meter(onProgress, 'Pushing', layer.diffId.slice('sha256:'.length).slice(0, 12), size)
  const tar = readableOf(counted(content.read(layer.blob), tell))
  try {
    if (compression !== undefined) {
      await client.finishUpload(location, layer.blob, { body: tar, size }, signal)
      return { digest: layer.blob, size }
    }
    const hash = createHash('sha256')
    let length = 0
    const gzip = tar.pipe(createGzip())
    tar.on('error', (error) => gzip.destroy(error))
    async function* hashed() {
      for await (const chunk of gzip as AsyncIterable<Buffer>) {
        hash.update(chunk)
        length += chunk.length
        yield chunk
      }
    }
    const next = await client.sendBytes(location, readableOf(hashed()), signal)
    const digest = `sha256:${hash.digest('hex')}`
    await client.finishUpload(next, digest, undefined, signal)
    return { digest, size: length }
  } catch (error) {
    if (signal.aborted) void client.cancelUpload(location)
    throw error
  } finally {
    tar.destroy()
    await finished(tar).catch(() => undefined)
  }
}
