import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { packTar } from 'modern-tar'
import type { Request } from '../../machine/contract'
import { plainMount, type MountPoint } from '../containers/mounts'
import type { MountOptions } from '../dockerfile/mounts'
import { EngineError } from '../errors'
import { digestOf, select, singleFile } from './sources'
import type { StageRun } from './stage'
import { tarOf } from './tar'

/** What a RUN --mount comes to. */
export interface RunMount {
  /** What the step's result depends on, besides the instruction's own words. */
  key: string
  destination: string
  /** Makes it ready for a container; to be released when that is gone. */
  prepare: () => Promise<{ point: MountPoint; release: Release }>
}

export type Release = () => Promise<void> | void

/** Reads a RUN's mounts. Throws kind 'invalid' for a secret that is required: this builder's API brings none. */
export async function runMounts(stage: StageRun, mounts: readonly MountOptions[]): Promise<RunMount[]> {
  const found: RunMount[] = []
  for (const given of mounts) {
    const expanded = (text: string | undefined) => (text === undefined ? undefined : stage.expand(text))
    const [target = '', source, from, id] = [given.target, given.source, given.from, given.id].map(expanded)
    const destination = posix.join('/', target.startsWith('/') ? '' : (stage.config.WorkingDir ?? ''), target)
    const mount = { ...given, destination, source, from, id }
    if (mount.type === 'secret' || mount.type === 'ssh') {
      const name = id ?? (source ? posix.basename(source) : posix.basename(target)) ?? 'default'
      if (mount.required) throw new EngineError('invalid', `${mount.type} ${name}: not found`)
    } else if (mount.type === 'tmpfs') found.push(tmpfs(mount))
    else if (mount.type === 'cache') found.push(cache(stage, mount))
    else found.push(await bind(stage, mount))
  }
  return found
}

/** A script of a RUN, as a file that can be executed. */
export function scriptMount(stage: StageRun, folder: string, name: string, content: string): RunMount {
  const fill = async (volume: string) => {
    const header = { name, size: Buffer.byteLength(content), mode: 0o755, mtime: new Date(0) }
    await fillVolume(stage, { volume }, Readable.from([await packTar([{ header, body: content }])]))
  }
  return { key: content, destination: folder, prepare: () => temporary(stage, folder, { readOnly: true, fill }) }
}

type Mount = MountOptions & { destination: string }

const none = () => undefined

function tmpfs({ destination, size }: Mount): RunMount {
  const options = size ? [`size=${size}`] : []
  const point: MountPoint = { ...plainMount, type: 'tmpfs', source: '', destination, options }
  return { key: '', destination, prepare: async () => ({ point, release: none }) }
}

function cache(stage: StageRun, mount: Mount): RunMount {
  const { destination, sharing = 'shared', from, source = '/', mode = 0o755, uid = 0, gid = 0 } = mount
  const prepare = async () => {
    const { mounts } = stage.build.tools
    const { volume, fresh, release } = await mounts.take(mount.id ?? destination, sharing)
    try {
      if (fresh) {
        const header = { name: 'cache/', type: 'directory' as const, size: 0, mode, uid, gid, mtime: new Date() }
        await fillVolume(stage, { volume }, Readable.from([await packTar([{ header }])]))
        if (from) await fillVolume(stage, { volume, path: '/cache', from: await layersOf(stage, from, source) })
      }
    } catch (error) {
      release()
      throw error
    }
    const readOnly = mount.readOnly ?? false
    const point = {
      ...plainMount,
      type: 'volume' as const,
      name: volume,
      source: '',
      destination,
      subpath: 'cache',
      readOnly,
    }
    return { point, release }
  }
  return { key: '', destination, prepare }
}

async function bind(stage: StageRun, mount: Mount): Promise<RunMount> {
  const { destination, from, source = from ? '/' : '.', readOnly = true } = mount
  const { tools, context } = stage.build
  if (from) {
    const selection = await layersOf(stage, from, source)
    const { digest, kind } = await tools.cache.contentsOf(
      (await stage.build.from(from, stage)).id,
      JSON.stringify(source),
      () => tools.guest().call('layer.digest', selection),
    )
    const subpath = kind === 'file' ? posix.basename(source) : undefined
    const fill = (volume: string) => fillVolume(stage, { volume, from: selection })
    return { key: digest, destination, prepare: () => temporary(stage, destination, { readOnly, subpath, fill }) }
  }
  const selection = select(context, [source], { parents: false, exclude: [], instruction: 'RUN' })
  const fill = (volume: string) => fillVolume(stage, { volume }, tarOf(selection, new Set()))
  const subpath = singleFile(selection)?.name
  const { digest } = digestOf(selection)
  return { key: digest, destination, prepare: () => temporary(stage, destination, { readOnly, subpath, fill }) }
}

async function layersOf(stage: StageRun, from: string, source: string): Promise<Request<'layer.digest'>> {
  const { id } = await stage.build.from(from, stage)
  const layers = await stage.build.tools.images.ensureUnpacked(id)
  return { layers, sources: [posix.join('/', source)], parents: false }
}

/** A volume for one step alone; what the step writes into it is thrown away. */
async function temporary(
  stage: StageRun,
  destination: string,
  { readOnly, subpath, fill }: { readOnly: boolean; subpath?: string; fill: (volume: string) => Promise<void> },
): Promise<{ point: MountPoint; release: Release }> {
  const { guest } = stage.build.tools
  const name = `build-${randomBytes(8).toString('hex')}`
  const release = async () => {
    await guest().call('volume.remove', { name })
  }
  try {
    await fill(name)
  } catch (error) {
    await release()
    throw error
  }
  const point: MountPoint = {
    ...plainMount,
    type: 'volume',
    name,
    source: '',
    destination,
    readOnly,
    ...(subpath ? { subpath } : {}),
  }
  return { point, release }
}

async function fillVolume(
  stage: StageRun,
  { path = '/', ...request }: { volume: string; path?: string; from?: Request<'layer.digest'> },
  tar?: Readable,
): Promise<void> {
  const filling = stage.build.tools
    .guest()
    .open('layer.copy', { layers: [], below: '', path, folder: true, ...request })
  if (tar) pipeline(tar, filling).catch((error: unknown) => filling.destroy(error as Error))
  else filling.end()
  await filling.reply
  filling.resume()
}
