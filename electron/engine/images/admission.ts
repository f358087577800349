import { digestOf, type ContentStore } from '../store/content'
import { EngineError } from '../errors'
import type { GuestLayers } from './layers'
import { chainIds, guestLayer, readConfig } from './oci'
import { meter, step, type OnProgress } from './progress'
import type { ImageStore, LayerRow } from './store'

/** What an operation that is under way needs and the database does not name yet; it is safe from `sweep`. */
export interface Lease {
  blobs: Set<string>
  /** The agent's layer ids. */
  layers: Set<string>
}

/** An image to take in: the bytes of its configuration, and its layers' blobs, bottom first, as they become there. */
export interface Candidate {
  config: Buffer
  /** Digests in the content store; those of a pull lie aside in it until the image is whole. */
  blobs: readonly (string | Promise<string>)[]
  parent?: string
}

/** How the unpacking of one layer is told; `pull` and `load` use different words. */
export interface LayerWords {
  working: string
  done?: string
  idOf: (position: number, diffId: string) => string
}

/**
 * The one door by which images come in: each layer is unpacked in the guest, and when all are, the image and its layers
 * are written to the database in one transaction. Until then a lease keeps the parts; whatever fails leaves nothing,
 * since `sweep` clears away all that neither the database nor a lease names.
 */
export class Admission {
  private readonly leases = new Set<Lease>()
  private sweeping: Promise<void> = Promise.resolve()

  constructor(
    private readonly store: ImageStore,
    private readonly content: ContentStore,
    private readonly layers: GuestLayers,
  ) {}

  /** Runs an operation that brings in parts, and clears away those that it leaves without an owner. */
  async lease<T>(work: (lease: Lease) => Promise<T>): Promise<T> {
    const lease: Lease = { blobs: new Set(), layers: new Set() }
    this.leases.add(lease)
    try {
      return await work(lease)
    } finally {
      this.leases.delete(lease)
      await this.sweep()
    }
  }

  /** Takes an image in; returns its id. Throws kind 'invalid' when its configuration and layers do not fit together. */
  async admit(
    lease: Lease,
    { config: bytes, blobs, parent = '' }: Candidate,
    words: LayerWords,
    onProgress: OnProgress,
    signal?: AbortSignal,
  ): Promise<string> {
    const config = readConfig(bytes)
    const diffIds = config.rootfs.diff_ids
    if (config.os !== 'linux') throw new EngineError('invalid', `cannot run images of operating system "${config.os}"`)
    if (diffIds.length !== blobs.length)
      throw new EngineError(
        'invalid',
        `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${blobs.length}`,
      )
    const chain = chainIds(diffIds)
    const rows: LayerRow[] = []
    for (const [position, chainId] of chain.entries()) {
      const diffId = diffIds[position]!
      const blob = await blobs[position]!
      lease.layers.add(guestLayer(chainId))
      const id = words.idOf(position, diffId)
      const known = this.store.layer(chainId)
      if (known && this.layers.has(chainId)) {
        rows.push(known)
        continue
      }
      const tell = meter(onProgress, words.working, id, (await this.content.size(blob)) ?? 0)
      const unpacked = await this.layers.apply({ chainId, diffId, blob, below: chain.slice(0, position) }, tell, signal)
      rows.push({ chainId, diffId, blob, ...unpacked })
      if (words.done) onProgress(step(id, words.done))
    }
    for (const { blob } of rows) await this.content.keep(blob)
    const id = digestOf(bytes)
    const { architecture, os, variant = '' } = config
    this.store.insert({ id, config: bytes, architecture, os, variant, parent }, rows)
    return id
  }

  /** Clears away blobs and unpacked layers that neither an image nor a lease has. Does nothing while another one runs. */
  sweep(): Promise<void> {
    return (this.sweeping = this.sweeping.then(() => this.sweepNow()))
  }

  private async sweepNow(): Promise<void> {
    const present = await this.content.list()
    const rows = this.store.allLayers()
    const leases = [...this.leases]
    const blobs = new Set([...rows.map((row) => row.blob), ...leases.flatMap((lease) => [...lease.blobs])])
    const layers = new Set([
      ...rows.map((row) => guestLayer(row.chainId)),
      ...leases.flatMap((lease) => [...lease.layers]),
    ])
    for (const digest of present) if (!blobs.has(digest)) this.content.remove(digest)
    // A guest that is away keeps them until the next sweep.
    await this.layers.remove(this.layers.except(layers)).catch(() => undefined)
  }
}
