import type { Readable } from 'node:stream'
import { digestOf, type ContentStore } from '../store/content'
import { EngineError } from '../errors'
import type { Admission, Lease } from './admission'
import type { GuestLayers } from './layers'
import { chainIds, guestLayer, type ImageConfig, type ImageRunConfig } from './oci'
import type { Platform } from './platform'
import type { ImageStore, LayerRow } from './store'

/** A layer as the agent hands it over: a stream of its tar, the layer being in the store at its end. */
export type MadeLayer = Readable & { reply: Promise<{ size: number }> }

/** What one step of a build, or a commit, makes of the image below it. */
export interface Step {
  /** The image's id, '' for none (FROM scratch). */
  parent: string
  /** The parent's when it is not given. */
  platform?: Platform
  config: ImageRunConfig
  author: string
  comment: string
  /** How history tells of it. */
  createdBy: string
  /** The id of the container it was made in, '' for none, and what that ran with. */
  container: string
  containerConfig: ImageRunConfig
}

/** The digest of a layer that changes nothing: the end of a tar. */
const emptyLayer = digestOf(Buffer.alloc(1024))

/** Makes images out of images, as the steps of a build and `docker commit` do. */
export class Steps {
  constructor(
    private readonly store: ImageStore,
    private readonly content: ContentStore,
    private readonly layers: GuestLayers,
    private readonly admission: Admission,
  ) {}

  /** The chain ID of an image's top layer, '' for an image without layers: what a layer on it goes on top of. */
  top(imageId: string): string {
    return this.store.layersOf(imageId).at(-1)?.chainId ?? ''
  }

  /** The configuration of an image with its history. Throws kind 'notFound' when the image is gone. */
  configOf(imageId: string): ImageConfig {
    const image = this.store.get(imageId)
    if (!image) throw new EngineError('notFound', `No such image: ${imageId}`)
    return this.store.configOf(image)
  }

  /** Whether an image is another one, or made on top of it. */
  descends(imageId: string, from: string): boolean {
    for (let id: string | undefined = imageId; id; id = this.store.get(id)?.parent) if (id === from) return true
    return false
  }

  /**
   * Adds an image with the layer that `make` has the agent make on the parent, or without one. A layer that changes
   * nothing is left out, as dockerd does. Returns its id; a failure leaves nothing.
   */
  async add(step: Step, make?: () => Promise<MadeLayer>): Promise<string> {
    if (!make) return this.insert(step, undefined)
    return this.admission.lease(async (lease) => this.insert(step, await this.take(lease, step.parent, await make())))
  }

  /** As `add`, with a layer that is yet to be unpacked in the guest, from its tar. */
  async addTar(step: Step, tar: AsyncIterable<Uint8Array>): Promise<string> {
    return this.admission.lease(async (lease) => {
      const { digest } = await this.content.ingest(tar, lease.blobs)
      if (digest === emptyLayer) return this.insert(step, undefined)
      const { chainId, below } = this.chainOf(step.parent, digest)
      lease.layers.add(guestLayer(chainId))
      const layer = { chainId, diffId: digest, blob: digest }
      const unpacked = await this.layers.apply({ ...layer, below }, () => undefined)
      return this.insert(step, { ...layer, ...unpacked })
    })
  }

  /** Adds an image with a layer that another image has on the same layers. */
  addShared(step: Step, chainId: string | undefined): string {
    return this.insert(step, chainId === undefined ? undefined : this.store.layer(chainId))
  }

  private async take(lease: Lease, parent: string, made: MadeLayer): Promise<LayerRow | undefined> {
    const { size } = await made.reply
    const { digest, size: length } = await this.content.ingest(made, lease.blobs)
    if (digest === emptyLayer) return undefined
    const { chainId } = this.chainOf(parent, digest)
    lease.layers.add(guestLayer(chainId))
    this.layers.made(chainId)
    return { chainId, diffId: digest, blob: digest, length, size }
  }

  /** The chain ID of a layer on an image's, and those of the layers below it, bottom first. */
  private chainOf(parent: string, diffId: string): { chainId: string; below: string[] } {
    const below = this.store.layersOf(parent)
    const chain = chainIds([...below.map((layer) => layer.diffId), diffId])
    return { chainId: chain.at(-1)!, below: chain.slice(0, -1) }
  }

  private insert({ parent, platform, ...step }: Step, layer: LayerRow | undefined): string {
    // The image may be gone that a container was made from; its layers are not, while the container is there.
    const below = parent === '' ? undefined : this.store.configOfAny(parent)
    const layers = [...this.store.layersOf(parent), ...(layer ? [layer] : [])]
    const created = new Date().toISOString()
    const { author, comment, createdBy, container, containerConfig, config } = step
    const told = {
      created,
      ...(author ? { author } : {}),
      created_by: createdBy,
      ...(comment ? { comment } : {}),
      ...(layer ? {} : { empty_layer: true }),
    }
    const { os, architecture, variant } = platform ?? below ?? { os: 'linux', architecture: '' }
    const bytes = Buffer.from(
      JSON.stringify({
        architecture,
        ...(author ? { author } : {}),
        ...(comment ? { comment } : {}),
        config,
        ...(container ? { container } : {}),
        container_config: containerConfig,
        created,
        history: [...(below?.history ?? []), told],
        os,
        rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
        ...(variant ? { variant } : {}),
      }),
    )
    const id = digestOf(bytes)
    this.store.insert({ id, config: bytes, architecture, os, variant: variant ?? '', parent }, layers)
    return id
  }
}
