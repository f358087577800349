import { Readable } from 'node:stream'
import { createTarPacker } from 'modern-tar'
import { familiarName, familiarRepository, parseReference } from '../../../shared/reference'
import { digestOf, type ContentStore } from '../store/content'
import { decompress } from './compression'
import { isManifestType, mediaTypes, readManifest, type ImageConfig } from './oci'
import type { ImageRow, LayerRow, ManifestRow } from './store'

/** One image to save, with those of its names that were asked for (in full). */
export interface SavedImage {
  image: ImageRow
  config: ImageConfig
  layers: readonly LayerRow[]
  names: readonly string[]
  /** Those that it came by. */
  manifests: readonly ManifestRow[]
}

const blobName = (digest: string) => `blobs/${digest.replace(':', '/')}`

/**
 * Writes what `docker save` gives since Docker 25: one tar that is a docker-archive (manifest.json) and an OCI image
 * layout (index.json) at once. An image that came by a manifest goes out by it, byte for byte, with its layers as they
 * came; another one with layers uncompressed, so that their names are their diff IDs. The configuration's bytes are
 * those that the image came with, so that its id stays the same.
 */
export function writeArchive(images: readonly SavedImage[], content: ContentStore): Readable {
  const { readable, controller } = createTarPacker()
  const written = new Set<string>()

  async function file(name: string, size: number, body: AsyncIterable<Uint8Array>, mtime: Date): Promise<void> {
    if (written.has(name)) return
    written.add(name)
    const writer = controller.add({ name, size, type: 'file', mode: 0o644, mtime }).getWriter()
    for await (const chunk of body) await writer.write(chunk)
    await writer.close()
  }
  const small = async (name: string, bytes: Buffer, mtime = new Date(0)) =>
    file(name, bytes.length, Readable.from([bytes]), mtime)

  async function pack(): Promise<void> {
    const manifests: object[] = []
    const items: object[] = []
    const repositories: Record<string, Record<string, string>> = {}
    for (const { image, config, layers, names, manifests: known } of images) {
      const created = new Date(config.created ?? 0)
      const kept = known.find((each) => isOf(each, layers))
      const manifest = kept ?? manifestOf(image, layers)
      // The names of the layers' files, and how these come out of the content store.
      const stored = layers.map(({ diffId, blob }) => (kept ? blob : diffId))
      for (const [at, { blob, length }] of layers.entries()) {
        const size = kept ? (await content.size(blob))! : length
        const body = content.read(blob)
        await file(blobName(stored[at]!), size, kept ? body : decompress(body), created)
      }
      await small(blobName(image.id), image.config, created)
      await small(blobName(manifest.digest), manifest.bytes, created)

      const descriptor = { mediaType: manifest.type, digest: manifest.digest, size: manifest.bytes.length }
      if (names.length === 0) manifests.push(descriptor)
      for (const name of names) {
        const { tag } = parseReference(name)
        manifests.push({
          ...descriptor,
          annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tag },
        })
        const top = layers.at(-1)
        if (top) (repositories[familiarRepository(parseReference(name))] ??= {})[tag!] = top.diffId.slice(7)
      }
      items.push({
        Config: blobName(image.id),
        RepoTags: names.map((name) => familiarName(parseReference(name))),
        Layers: stored.map(blobName),
      })
    }
    await small('index.json', json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
    await small('manifest.json', json(items))
    await small('oci-layout', json({ imageLayoutVersion: '1.0.0' }))
    await small('repositories', json(repositories))
    controller.finalize()
  }

  pack().catch((error: unknown) => controller.error(error))
  return Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0])
}

/** Whether a manifest's layers are the very blobs that lie here. */
function isOf({ type, bytes }: ManifestRow, layers: readonly LayerRow[]): boolean {
  if (!isManifestType(type)) return false
  const listed = readManifest(bytes).layers
  return listed.length === layers.length && listed.every(({ digest }, at) => digest === layers[at]!.blob)
}

function manifestOf(image: ImageRow, layers: readonly LayerRow[]): ManifestRow {
  const bytes = json({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size: image.config.length },
    layers: layers.map(({ diffId, length }) => ({ mediaType: mediaTypes.ociLayer, digest: diffId, size: length })),
  })
  return { digest: digestOf(bytes), type: mediaTypes.ociManifest, bytes }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
