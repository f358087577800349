import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { createTarDecoder } from 'modern-tar'
import { z } from 'zod'
import { canonicalName, familiarName, parseReference, withDefaultTag } from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import type { ContentStore } from '../store/content'
import type { Lease } from './admission'
import { readableOf } from './streams'
import { decompress } from './compression'
import {
  isIndexType,
  maxDocument,
  readConfig,
  readDocument,
  readIndex,
  readManifest,
  typeOf,
  type Descriptor,
} from './oci'
import { bestFor, platformName, type Platform } from './platform'

/** One image found in an archive: its configuration, its layers' blobs bottom first, and the names it is to get. */
export interface ArchivedImage {
  config: Buffer
  blobs: string[]
  /** In full: `docker.io/library/busybox:latest`. */
  names: string[]
}

/** An archive whose files all lie in the content store: entry name -> digest. */
interface Archive {
  files: Map<string, string>
  /** Symbolic and hard links: entry name -> entry name. */
  links: Map<string, string>
}

/**
 * Reads what `docker load` takes: a docker-archive (manifest.json), else an OCI image layout (index.json); plain, gzip or
 * zstd. The archive is read once, from front to back; its files go to the content store by what they hold, never to a
 * path of their own naming. Of a multi-platform image the platform that suits best is taken, and the others are left
 * out. Throws kind 'invalid' for what is not such an archive, is corrupt or incomplete, or has nothing for `platform`.
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
  content: ContentStore,
  lease: Lease,
  platform: Platform,
): Promise<ArchivedImage[]> {
  const archive = await spool(source, content, lease)
  const document = async (name: string) => content.bytes(find(archive, name), maxDocument)
  if (archive.files.has('manifest.json')) return fromDockerArchive(archive, document)
  if (archive.files.has('index.json')) return fromLayout(archive, document, platform)
  throw new EngineError('invalid', 'invalid archive: it has neither a manifest.json nor an index.json')
}

async function spool(source: AsyncIterable<Uint8Array>, content: ContentStore, lease: Lease): Promise<Archive> {
  const archive: Archive = { files: new Map(), links: new Map() }
  // What goes wrong with the source is told as it is; what the decoder says is about the archive.
  let sourceError: unknown
  async function* watched() {
    try {
      yield* decompress(source)
    } catch (error) {
      sourceError = error
      throw error
    }
  }
  let storing = false
  try {
    const tar = Readable.toWeb(readableOf(watched()))
    for await (const { header, body } of tar.pipeThrough(createTarDecoder({ strict: true }))) {
      const name = posix.normalize(header.name)
      if (header.type === 'file' || header.type === undefined) {
        storing = true
        const { digest } = await content.ingest(body, lease.blobs)
        storing = false
        archive.files.set(name, digest)
        continue
      }
      await body.cancel()
      const target = header.linkname ?? ''
      if (header.type === 'symlink') archive.links.set(name, posix.join(posix.dirname(name), target))
      if (header.type === 'link') archive.links.set(name, posix.normalize(target))
    }
  } catch (error) {
    if (sourceError) throw sourceError
    if (storing && error instanceof EngineError) throw error
    throw new EngineError('invalid', `invalid archive: ${messageOf(error)}`, { cause: error })
  }
  return archive
}

/** The digest of an entry, through links; as many hops as Linux allows. */
function find({ files, links }: Archive, name: string): string {
  let at = posix.normalize(name)
  for (let hops = 0; hops < 40; hops++) {
    const digest = files.get(at)
    if (digest !== undefined) return digest
    const next = links.get(at)
    if (next === undefined) break
    at = next
  }
  throw new EngineError('invalid', `invalid archive: ${name} is missing`)
}

const dockerManifest = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  }),
)

type ReadEntry = (name: string) => Promise<Buffer>

async function fromDockerArchive(archive: Archive, document: ReadEntry): Promise<ArchivedImage[]> {
  const images: ArchivedImage[] = []
  for (const item of readDocument('manifest.json', dockerManifest, await document('manifest.json'))) {
    images.push({
      config: await document(item.Config),
      blobs: (item.Layers ?? []).map((layer) => find(archive, layer)),
      names: (item.RepoTags ?? []).map(nameOf),
    })
  }
  return images
}

async function fromLayout(archive: Archive, document: ReadEntry, platform: Platform): Promise<ArchivedImage[]> {
  const entryOf = ({ digest }: Pick<Descriptor, 'digest'>) => `blobs/${digest.replace(':', '/')}`
  const blob = (wanted: Descriptor) => {
    const digest = find(archive, entryOf(wanted))
    if (digest !== wanted.digest)
      throw new EngineError('invalid', `invalid archive: ${entryOf(wanted)} holds ${digest}`)
    return digest
  }
  const read = async (wanted: Descriptor) => {
    blob(wanted)
    return document(entryOf(wanted))
  }

  /** The manifests that a descriptor leads to, each with its platform; those that are not in the archive are left out. */
  async function expand(found: Descriptor): Promise<{ manifest: Buffer; platform: Platform }[]> {
    if (found.annotations?.['vnd.docker.reference.type'] || !archive.files.has(entryOf(found))) return []
    const bytes = await read(found)
    if (isIndexType(found.mediaType ?? typeOf(bytes))) {
      return (await Promise.all(readIndex(bytes).manifests.map(expand))).flat()
    }
    if (found.platform) return [{ manifest: bytes, platform: found.platform }]
    const { architecture, os, variant } = readConfig(await read(readManifest(bytes).config))
    return [{ manifest: bytes, platform: { architecture, os, ...(variant ? { variant } : {}) } }]
  }

  const byName = new Map<string, Descriptor[]>()
  for (const found of readIndex(await document('index.json')).manifests) {
    const name = layoutName(found)
    byName.set(name, [...(byName.get(name) ?? []), found])
  }
  const images: ArchivedImage[] = []
  for (const [name, descriptors] of byName) {
    const choices = (await Promise.all(descriptors.map(expand))).flat()
    const best = bestFor(platform, choices, (choice) => choice.platform)
    if (!best)
      throw new EngineError(
        'notFound',
        `no matching manifest for ${platformName(platform)} in the manifest list entries`,
      )
    const manifest = readManifest(best.manifest)
    images.push({
      config: await read(manifest.config),
      blobs: manifest.layers.map(blob),
      names: name === '' ? [] : [nameOf(name)],
    })
  }
  return images
}

/** The name that an image layout's descriptor carries, '' for none; a bare tag does not name an image. */
function layoutName({ annotations }: Descriptor): string {
  const full = annotations?.['io.containerd.image.name']
  const reference = annotations?.['org.opencontainers.image.ref.name'] ?? ''
  return full ?? (/[:/]/.test(reference) ? reference : '')
}

function nameOf(text: string): string {
  try {
    return canonicalName(withDefaultTag(parseReference(text)))
  } catch (error) {
    throw new EngineError('invalid', `invalid tag ${JSON.stringify(text)}: ${messageOf(error)}`)
  }
}

/** The words with which a load ends, for one image. */
export function loadedWords(id: string, names: readonly string[]): string[] {
  if (names.length === 0) return [`Loaded image ID: ${id}\n`]
  return names.map((name) => `Loaded image: ${familiarName(parseReference(name))}\n`)
}
