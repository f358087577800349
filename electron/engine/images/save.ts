import { Readable } from 'node:stream'
import { createTarPacker } from 'modern-tar'
import { familiarName, familiarRepository, parseReference } from '../../../shared/reference'
import { digestOf, type ContentStore } from '../store/content'
import { decompress } from './compression'
import { mediaTypes, type ImageConfig } from './oci'
import type { ImageRow, LayerRow } from './store'

/** One image to save, with those of its names that were asked for (in full). */
export interface SavedImage {
  image: ImageRow
  config: ImageConfig
  layers: readonly LayerRow[]
  names: readonly string[]
}

const blobName = (digest: string) => `blobs/${digest.replace(':', '/')}`

/**
 * Writes what `docker save` gives since Docker 25: one tar that is a docker-archive (manifest.json) and an OCI image
 * layout (index.json) at once. Layers are uncompressed, so that their names in it are their diff IDs and both readings
 * agree; the configuration's bytes are those that the image came with, so its id stays the same.
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
    for (const { image, config, layers, names } of images) {
      const created = new Date(config.created ?? 0)
      for (const { diffId, blob, length } of layers) {
        await file(blobName(diffId), length, decompress(content.read(blob)), created)
      }
      await small(blobName(image.id), image.config, created)
      const manifest = json(manifestOf(image, layers))
      const digest = digestOf(manifest)
      await small(blobName(digest), manifest, created)

      const descriptor = { mediaType: mediaTypes.ociManifest, digest, size: manifest.length }
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
        Layers: layers.map((layer) => blobName(layer.diffId)),
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

function manifestOf(image: ImageRow, layers: readonly LayerRow[]): object {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.id, size: image.config.length },
    layers: layers.map(({ diffId, length }) => ({ mediaType: mediaTypes.ociLayer, digest: diffId, size: length })),
  }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
