import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Reply } from '../../machine/contract'
import { GuestError } from '../../machine/link'
import { EngineError } from '../errors'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { attributesOf } from './events'
import { guestMounts } from './mounts'
import type { Roots } from './roots'

type Stat = Reply<'archive.stat'>

/** docker cp, for running and stopped containers. */
export class Archives {
  constructor(
    private readonly options: Pick<ContainersOptions, 'guest' | 'events' | 'facts' | 'volumes'>,
    private readonly roots: Roots,
  ) {}

  /** Throws 'notFound' in Docker's words. */
  async stat(container: Container, path: string): Promise<Stat> {
    const request = await this.request(container, path)
    return this.options.guest().call('archive.stat', request).catch(notThere(path, container))
  }

  /** A tar of the path, with its stat. */
  async get(container: Container, path: string): Promise<{ stat: Stat; stream: Readable }> {
    const stream = this.options.guest().open('archive.get', await this.request(container, path))
    const stat = await stream.reply.catch(notThere(path, container))
    this.options.events.emit('container', 'archive-path', container.id, attributesOf(container))
    return { stat, stream }
  }

  /** Unpacks a tar (plain or gzip) into a folder of the container. */
  async put(
    container: Container,
    path: string,
    { tar, noOverwriteDirNonDir, copyUidGid }: { tar: Readable; noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void> {
    const plain = await plainTar(tar)
    const request = await this.request(container, path)
    const stream = this.options.guest().open('archive.put', { ...request, noOverwriteDirNonDir, copyUidGid })
    // When the agent refuses, its reply says why; the pipe only breaks.
    const sent = pipeline(plain, stream).catch((error: unknown) => {
      stream.destroy(error as Error)
    })
    await stream.reply.catch(notThere(path, container))
    await sent
    this.options.events.emit('container', 'extract-to-dir', container.id, attributesOf(container))
  }

  private async request(container: Container, path: string) {
    const { volumes, facts } = this.options
    const mounts = guestMounts(container.settings.mounts, facts(), (name) => volumes.mountOf(name))
    return { root: await this.roots.of(container), mounts, path: path.startsWith('/') ? path : `/${path}` }
  }
}

/** X-Docker-Container-Path-Stat */
export function statHeader({ name, size, mode, mtime, linkTarget }: Stat): string {
  return Buffer.from(JSON.stringify({ name, size, mode, mtime, linkTarget })).toString('base64')
}

function notThere(path: string, { id }: Container): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof GuestError) || error.kind !== 'notFound') throw error
    throw new EngineError('notFound', `Could not find the file ${path} in container ${id}`)
  }
}

const gzipMagic = Buffer.from([0x1f, 0x8b])
const otherMagics: Record<string, Buffer> = {
  bzip2: Buffer.from('BZh'),
  xz: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]),
  zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
}

/** The tar inside a stream that may be compressed. Throws 'unsupported' for anything but gzip. */
async function plainTar(input: Readable): Promise<Readable> {
  const first = await firstChunk(input)
  for (const [name, magic] of Object.entries(otherMagics)) {
    if (first?.subarray(0, magic.length).equals(magic)) {
      throw new EngineError(
        'unsupported',
        `archives compressed with ${name} are not available here: send a plain or gzip tar`,
      )
    }
  }
  return first?.subarray(0, 2).equals(gzipMagic) ? input.pipe(createGunzip()) : input
}

/** Looks at the first bytes and leaves them in the stream. */
async function firstChunk(input: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = input.read() as Buffer | null
    if (chunk) {
      input.unshift(chunk)
      return chunk
    }
    if (input.readableEnded || input.destroyed) return undefined
    await new Promise<void>((resolve) => {
      const go = () => {
        input.off('readable', go).off('end', go).off('close', go)
        resolve()
      }
      input.on('readable', go).on('end', go).on('close', go)
    })
  }
}
