import { pipeline } from 'node:stream/promises'
import { packTar } from 'modern-tar'
import type { GuestRoot } from '../../machine/contract'
import { initLayerId } from '../images/layers'
import type { Container } from './container'
import type { ContainersOptions } from './deps'

/** Places to mount on, and the file that programs know a container of Docker's by. A change needs a new initLayerId. */
const folders = ['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys']
const files = ['.dockerenv', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf']

/**
 * The layers that containers' root file systems are made of. Between the image and the writable layer there is, as with
 * dockerd, a layer with mount points: they are no changes of the container's, so diff, commit and export do not tell of
 * them.
 */
export class Roots {
  private initLayer: Promise<string> | undefined

  constructor(private readonly options: Pick<ContainersOptions, 'guest' | 'images'>) {}

  /** Where a container's files are, for the agent; all layers lie in the guest then. */
  async of({ id, image }: Container): Promise<GuestRoot> {
    this.initLayer ??= this.applyInitLayer().catch((error: unknown) => {
      this.initLayer = undefined
      throw error
    })
    return { id, layers: [await this.initLayer, ...(await this.options.images.ensureUnpacked(image))] }
  }

  /** The guest may be another one now. */
  forget(): void {
    this.initLayer = undefined
  }

  private async applyInitLayer(): Promise<string> {
    const mtime = new Date(0)
    const tar = await packTar([
      ...folders.map((name) => ({
        header: { name: `${name}/`, type: 'directory' as const, mode: 0o755, size: 0, mtime },
      })),
      ...files.map((name) => ({ header: { name, type: 'file' as const, mode: 0o755, size: 0, mtime } })),
    ])
    const sink = this.options.guest().open('layer.apply', { id: initLayerId, parents: [] })
    await pipeline([tar], sink)
    await sink.reply
    return initLayerId
  }
}
