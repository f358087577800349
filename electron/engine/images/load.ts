import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { createTarDecoder } from 'modern-tar'
import { z } from 'zod'
import { canonicalName, familiarName, isDigest, parseReference, withDefaultTag } from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import { digestOf, type ContentStore } from '../store/content'
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
import { bestFor, isPlatform, platformName, type Platform } from './platform'
import type { ManifestRow } from './store'

/** One image found in an archive: its configuration, its layers' blobs bottom first, and the names it is to get. */
export interface ArchivedImage {
  config: Buffer
  blobs: string[]
  /** In full: `docker.io/library/busybox:latest`. */
  names: string[]
  /** Its manifests as the archive has them. */
  manifests: ManifestRow[]
}

/** The platform to take, and whether nothing else will do. */
export interface WantedPlatform {
  platform: Platform
  only: boolean
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
 * out. Throws kind 'invalid' for what is not such an archive, or is corrupt or incomplete, 'notFound' for one that has
 * nothing for the platform.
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
  content: ContentStore,
  lease: Lease,
  wanted: WantedPlatform,
): Promise<ArchivedImage[]> {
  const archive = await spool(source, content, lease)
  const document = async (name: string) => content.bytes(find(archive, name), maxDocument)
  if (archive.files.has('manifest.json')) return fromDockerArchive(archive, document, wanted)
  if (archive.files.has('index.json')) return fromLayout(new Layout(archive, document), wanted)
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

async function fromDockerArchive(
  archive: Archive,
  document: ReadEntry,
  { platform, only }: WantedPlatform,
): Promise<ArchivedImage[]> {
  const images: ArchivedImage[] = []
  const manifests = archive.files.has('index.json') ? await manifestsBeside(new Layout(archive, document)) : []
  for (const item of readDocument('manifest.json', dockerManifest, await document('manifest.json'))) {
    const config = await document(item.Config)
    if (only && !isPlatform(platform, readConfig(config))) continue
    const id = digestOf(config)
    images.push({
      config,
      blobs: (item.Layers ?? []).map((layer) => find(archive, layer)),
      names: (item.RepoTags ?? []).map(nameOf),
      manifests: manifests.filter((manifest) => readManifest(manifest.bytes).config.digest === id),
    })
  }
  if (only && images.length === 0)
    throw new EngineError('notFound', `requested platform (${platformName(platform)}) not found in the archive`)
  return images
}

/** The OCI manifests in a docker-archive that is an image layout too. Those that are unreadable are of no consequence. */
async function manifestsBeside(layout: Layout): Promise<ManifestRow[]> {
  try {
    const found = await Promise.all((await layout.top()).map((descriptor) => layout.expand(descriptor)))
    return found.flat().map(({ manifest }) => manifest)
  } catch {
    return []
  }
}

async function fromLayout(layout: Layout, { platform, only }: WantedPlatform): Promise<ArchivedImage[]> {
  const byName = new Map<string, Descriptor[]>()
  for (const found of await layout.top()) {
    // What has no name is an image of its own.
    const name = layoutName(found) || found.digest
    byName.set(name, [...(byName.get(name) ?? []), found])
  }
  const images: ArchivedImage[] = []
  for (const [name, descriptors] of byName) {
    const choices = (await Promise.all(descriptors.map((found) => layout.expand(found)))).flat()
    const fitting = only ? choices.filter((choice) => isPlatform(platform, choice.platform)) : choices
    const best = bestFor(platform, fitting, (choice) => choice.platform)
    if (!best)
      throw new EngineError(
        'notFound',
        `no matching manifest for ${platformName(platform)} in the manifest list entries`,
      )
    const { config, layers } = readManifest(best.manifest.bytes)
    images.push({
      config: await layout.read(config),
      blobs: layers.map((layer) => layout.blob(layer)),
      names: isDigest(name) ? [] : [nameOf(name)],
      manifests: [best.manifest],
    })
  }
  return images
}

/** More documents than any archive's indexes lead to. */
const mostDocuments = 10_000

/** An OCI image layout in an archive. */
class Layout {
  private documents = 0

  constructor(
    private readonly archive: Archive,
    private readonly document: ReadEntry,
  ) {}

  /** What index.json names. */
  async top(): Promise<Descriptor[]> {
    return readIndex(await this.document('index.json')).manifests
  }

  /** The digest of a blob that must be there and be what its name says. */
  blob(wanted: Descriptor): string {
    const digest = find(this.archive, entryOf(wanted))
    if (digest !== wanted.digest)
      throw new EngineError('invalid', `invalid archive: ${entryOf(wanted)} holds ${digest}`)
    return digest
  }

  async read(wanted: Descriptor): Promise<Buffer> {
    if (++this.documents > mostDocuments) throw new EngineError('invalid', 'invalid archive: too many documents')
    this.blob(wanted)
    return this.document(entryOf(wanted))
  }

  /** The manifests that a descriptor leads to, each with its platform; those that are not in the archive are left out. */
  async expand(found: Descriptor): Promise<{ manifest: ManifestRow; platform: Platform }[]> {
    if (found.annotations?.['vnd.docker.reference.type'] || !this.archive.files.has(entryOf(found))) return []
    const bytes = await this.read(found)
    const type = typeOf(bytes, found.mediaType)
    if (isIndexType(type)) {
      return (await Promise.all(readIndex(bytes).manifests.map((child) => this.expand(child)))).flat()
    }
    const manifest = { digest: found.digest, type, bytes }
    if (found.platform) return [{ manifest, platform: found.platform }]
    const { architecture, os, variant } = readConfig(await this.read(readManifest(bytes).config))
    return [{ manifest, platform: { architecture, os, ...(variant ? { variant } : {}) } }]
  }
}

const entryOf = ({ digest }: Pick<Descriptor, 'digest'>) => `blobs/${digest.replace(':', '/')}`

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
