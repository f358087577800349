import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Request } from '../../machine/contract'
import type { Guest } from '../../machine/guest'
import { EngineError } from '../errors'
import type { ContentStore } from '../store/content'
import { decompress } from './compression'
import { guestLayer } from './oci'
import { counted, readableOf } from './streams'

/** A layer to unpack: its tar in the content store, what the tar's digest must be uncompressed, and where it goes. */
export interface LayerSource {
  chainId: string
  diffId: string
  blob: string
  /** Chain IDs of the layers below, bottom first. */
  below: readonly string[]
}

/** What is known of a layer once it was unpacked: bytes of the tar uncompressed, and of the files in it. */
export interface Unpacked {
  length: number
  size: number
}

/** The agent's id of the layer that every container has above its image (containers/roots.ts). */
export const initLayerId = '0000000000000001'

/** The layers that lie unpacked in the guest. */
export class GuestLayers {
  private present = new Set<string>()
  private removal: Promise<unknown> = Promise.resolve()
  private readonly inFlight = new Map<string, Promise<Unpacked>>()

  constructor(
    private readonly content: ContentStore,
    private readonly guest: () => Pick<Guest, 'call' | 'open'>,
    /** Whether the guest can read the content store's files itself. */
    private readonly sharesFiles: () => boolean,
  ) {}

  /** What the agent says it has, by its own ids (`hello.layers`). */
  set(ids: readonly string[]): void {
    this.present = new Set(ids)
  }

  has(chainId: string): boolean {
    return this.present.has(guestLayer(chainId))
  }

  /** The agent has made this layer itself. */
  made(chainId: string): void {
    this.present.add(guestLayer(chainId))
  }

  /** The agent's ids of images' layers in the guest that `wanted` does not name. */
  except(wanted: ReadonlySet<string>): string[] {
    return [...this.present].filter((id) => id !== initLayerId && !wanted.has(id) && !this.inFlight.has(id))
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const removal = this.guest().call('layer.remove', { ids: [...ids] })
    for (const id of ids) this.present.delete(id)
    // A layer that is wanted again must not be found half-removed.
    this.removal = removal.catch(() => undefined)
    await removal
  }

  /**
   * Unpacks a layer in the guest; each one is unpacked once at a time, whoever asks. `onRead` is told how many bytes of
   * the blob were read. Throws kind 'invalid' for a blob that is corrupt, not the layer it should be, or holds a path
   * that climbs out; nothing stays of it then.
   */
  async apply(source: LayerSource, onRead: (bytes: number) => void, signal?: AbortSignal): Promise<Unpacked> {
    const id = guestLayer(source.chainId)
    for (let running = this.inFlight.get(id); running; running = this.inFlight.get(id)) {
      const shared = await running.catch(() => undefined)
      // It may have failed for a reason of its own (its client went away): then it is our turn.
      if (shared) return shared
    }
    const mine = this.unpack(id, source, onRead, signal).finally(() => this.inFlight.delete(id))
    this.inFlight.set(id, mine)
    return mine
  }

  private async unpack(
    id: string,
    source: LayerSource,
    onRead: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<Unpacked> {
    const parents = source.below.map(guestLayer).reverse()
    await this.removal
    // A tar that lies here as it is was checked when it came.
    const isChecked = source.blob === source.diffId
    if (isChecked && this.sharesFiles()) {
      const length = (await this.content.size(source.blob)) ?? 0
      const { size } = await this.send({ id, parents, file: this.content.file(source.blob) }, Readable.from([]), signal)
      onRead(length)
      this.present.add(id)
      return { length, size }
    }
    const tar = new VerifiedTar(isChecked ? undefined : source.diffId)
    const bytes = tar.check(decompress(counted(this.content.read(source.blob), onRead)))
    const { size } = await this.send({ id, parents }, readableOf(bytes), signal)
    this.present.add(id)
    return { length: tar.length, size }
  }

  private async send(request: Request<'layer.apply'>, input: Readable, signal?: AbortSignal) {
    const sink = this.guest().open('layer.apply', request)
    await pipeline(input, sink, { signal })
    return sink.reply
  }
}

/** Passes a layer's tar on and holds back its end until the digest is known to be right. */
class VerifiedTar {
  length = 0

  constructor(private readonly diffId: string | undefined) {}

  async *check(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256')
    for await (const chunk of tar) {
      if (this.diffId) hash.update(chunk)
      this.length += chunk.length
      yield chunk
    }
    if (!this.diffId) return
    const actual = `sha256:${hash.digest('hex')}`
    if (actual !== this.diffId)
      throw new EngineError('invalid', `layer ${this.diffId} does not hold what it should: its digest is ${actual}`)
  }
}
