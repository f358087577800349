import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { packTar } from 'modern-tar'
import type { Op, Reply, Request } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import { GuestError, type LinkStream } from '../../machine/link'
import { Events, type DockerEvent } from '../events/events'
import { Registries } from '../registry/registries'
import { ContentStore, digestOf } from '../store/content'
import { openDatabase } from '../store/database'
import { defaultPatience } from '../registry/connections'
import { defaultConfig, type EngineConfig } from '../system/config'
import { Images } from './images'
import type { ProgressMessage } from './progress'
import type { ImageUser } from './removal'

/** Stands in for the agent in unit tests: takes layers in as the contract says, and refuses what it is told to. */
export class LayerDouble {
  /** The agent's layer id -> the digest of the tar that it was sent, and its parents. */
  readonly layers = new Map<string, { diffId: string; parents: string[] }>()
  applied = 0
  refuse: GuestError | undefined

  guest(): Pick<Guest, 'call' | 'open'> {
    return {
      call: async <O extends Op>(op: O, request: Request<O>) => {
        if (op !== 'layer.remove') throw new Error(`unexpected ${op}`)
        for (const id of (request as Request<'layer.remove'>).ids) this.layers.delete(id)
        return {} as Reply<O>
      },
      open: <O extends Op>(op: O, request: Request<O>) => {
        if (op !== 'layer.apply') throw new Error(`unexpected ${op}`)
        return this.apply(request as Request<'layer.apply'>) as unknown as LinkStream<Reply<O>>
      },
    }
  }

  private apply({ id, parents }: Request<'layer.apply'>): Duplex & { reply: Promise<{ size: number }> } {
    const hash = createHash('sha256')
    let size = 0
    let settle!: { resolve: (reply: { size: number }) => void; reject: (error: Error) => void }
    const reply = new Promise<{ size: number }>((resolve, reject) => (settle = { resolve, reject }))
    reply.catch(() => undefined)
    const stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        hash.update(chunk)
        size += chunk.length
        done(this.refuse)
      },
      final: (done) => {
        this.applied++
        this.layers.set(id, { diffId: `sha256:${hash.digest('hex')}`, parents })
        settle.resolve({ size })
        done()
      },
      destroy: (error, done) => {
        if (error) settle.reject(error)
        done(error)
      },
    })
    stream.push(null)
    return Object.assign(stream, { reply })
  }
}

/** An image service on a data folder of its own, with all that can be seen of it. */
export async function imagesForTest(arch = 'amd64', settings: Partial<EngineConfig> = {}, patience = defaultPatience) {
  const dir = await mkdtemp(join(tmpdir(), 'berth-images-'))
  const content = new ContentStore(dir)
  await content.open()
  const db = openDatabase(':memory:')
  const events = new Events()
  const seen: DockerEvent[] = []
  events.listen((event) => seen.push(event))
  const double = new LayerDouble()
  const users = new Map<string, ImageUser[]>()
  const config = { ...defaultConfig, ...settings }
  const registries = new Registries(config, dir, patience)
  const images = new Images({
    db,
    content,
    events,
    guest: () => double.guest(),
    sharesFiles: () => false,
    facts: () => ({ arch, storageDriver: 'overlay2' }),
    usedBy: (id) => users.get(id) ?? [],
    config,
    registries,
    retryDelay: 1,
  })
  const messages: ProgressMessage[] = []
  return {
    dir,
    images,
    registries,
    content,
    double,
    users,
    messages,
    events: () => seen.map((event) => `${event.Action} ${event.Actor.Attributes.name}`),
    load: (archive: Uint8Array) => images.archives.load(chunks(archive), (message) => messages.push(message)),
    /** The `stream` lines of all progress so far, in one text. */
    told: () => messages.map((message) => message.stream ?? '').join(''),
    close: async () => {
      await registries.close()
      db.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Bytes as a stream would bring them, in pieces of an awkward size. */
export async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_007) yield bytes.subarray(at, at + 10_007)
}

export interface TestFile {
  name: string
  body: Uint8Array | string
}

export const tarOf = (files: readonly TestFile[]): Promise<Uint8Array> =>
  packTar(
    files.map(({ name, body }) => {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body
      return { header: { name, size: bytes.length, mtime: new Date(0) }, body: bytes }
    }),
  )

export interface TestImage {
  config: Buffer
  id: string
  layers: Uint8Array[]
}

/** An image whose layers hold one file each. */
export async function imageOf(texts: readonly string[], extra: object = {}): Promise<TestImage> {
  const layers = await Promise.all(texts.map((body, at) => tarOf([{ name: `file${at}`, body }])))
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: '2024-01-02T03:04:05.123456789Z',
      config: { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
      history: texts.map((text) => ({ created: '2024-01-02T03:04:05Z', created_by: `ADD ${text.slice(0, 40)}` })),
      ...extra,
    }),
  )
  return { config, id: digestOf(config), layers }
}

/** The archive that `docker save` wrote before Docker 25. */
export function dockerArchive(image: TestImage, tags: readonly string[]): Promise<Uint8Array> {
  const layers = image.layers.map((body, at) => ({ name: `${at}/layer.tar`, body }))
  const item = { Config: 'config.json', RepoTags: tags, Layers: layers.map((layer) => layer.name) }
  return tarOf([
    { name: 'config.json', body: image.config },
    ...layers,
    { name: 'manifest.json', body: JSON.stringify([item]) },
  ])
}
