import { createHash } from 'node:crypto'
import { packTar, type TarEntry } from 'modern-tar'

export const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

/** A tar of entries; a text is a file's content. */
export async function tar(entries: (TarEntry | [name: string, content: string | Uint8Array])[]): Promise<Buffer> {
  const whole = entries.map((entry): TarEntry => {
    if (!Array.isArray(entry)) return entry
    const body = Buffer.from(entry[1] as string)
    return { header: { name: entry[0], size: body.length, type: 'file', mode: 0o644 }, body }
  })
  return Buffer.from(await packTar(whole))
}

export interface MadeImage {
  config: Buffer
  /** Uncompressed layer tars, lowest first. */
  layers: Buffer[]
  manifest: Buffer
}

/** An OCI image of the given layers. */
export function makeImage(layers: Buffer[], platform: { architecture: string; os: string }): MadeImage {
  const config = json({
    ...platform,
    config: { Cmd: ['true'] },
    rootfs: { type: 'layers', diff_ids: layers.map(sha256) },
    history: layers.map(() => ({ created_by: 'test' })),
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
    layers: layers.map((layer) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: sha256(layer),
      size: layer.length,
    })),
  })
  return { config, layers, manifest }
}

const blobPath = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes).slice('sha256:'.length)}`

/**
 * An image as `docker save` writes it, readable as Docker's archive and as an OCI layout. `damage` changes its files,
 * by name, before they are packed.
 */
export async function imageArchive(image: MadeImage, name: string, damage?: (files: Map<string, Buffer>) => void) {
  const files = new Map<string, Buffer>([
    [blobPath(image.config), image.config],
    ...image.layers.map((layer) => [blobPath(layer), layer] as const),
    [blobPath(image.manifest), image.manifest],
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    [
      'index.json',
      json({
        schemaVersion: 2,
        manifests: [
          {
            mediaType: 'application/vnd.oci.image.manifest.v1+json',
            digest: sha256(image.manifest),
            size: image.manifest.length,
            annotations: { 'io.containerd.image.name': `docker.io/library/${name}` },
          },
        ],
      }),
    ],
    ['manifest.json', json([{ Config: blobPath(image.config), RepoTags: [name], Layers: image.layers.map(blobPath) }])],
  ])
  damage?.(files)
  return tar([...files])
}
