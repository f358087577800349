import { posix } from 'node:path'
import { atLeast } from '../../../shared/versions'
import type { GuestFacts, GuestMount } from '../../machine/contract'
import { EngineError } from '../errors'
import type { VolumeMount } from '../volumes/local-options'
import type { HostConfig, MountRequest } from './config'

/** A mount of a container as inspect's `Mounts` has it, and what the agent must know besides. */
export interface MountPoint {
  type: 'volume' | 'bind' | 'tmpfs'
  /** The volume's name. */
  name?: string
  /** On the guest: the volume's folder, or the bind's path. */
  source: string
  destination: string
  mode: string
  readOnly: boolean
  propagation: string
  /** Fill an empty volume from the image. */
  copyUp: boolean
  /** A volume without a name, made for this container: goes with it on `rm -v` and --rm. */
  anonymous: boolean
  /** Make a bind's missing folder. */
  create: boolean
  recursive: boolean
  /** Of a bind that is read-only: also what is mounted below it; `force` refuses where that can't be. */
  readOnlyBelow?: 'yes' | 'no' | 'force'
  /** A folder in a volume that is mounted instead of the whole. */
  subpath?: string
  /** Mount options of a tmpfs. */
  options: string[]
  /** For a volume that has to be made. */
  labels?: Record<string, string>
  driver?: string
  driverOptions?: Record<string, string>
}

const invalid = (message: string) => new EngineError('invalid', message)
const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']

/** A mount without options. */
export const plainMount: Omit<MountPoint, 'type' | 'source' | 'destination'> = {
  mode: '',
  readOnly: false,
  propagation: '',
  copyUp: false,
  anonymous: false,
  create: false,
  recursive: true,
  options: [],
}

/** A `-v` of HostConfig.Binds: `SOURCE:DESTINATION[:OPTIONS]`. Throws 'invalid' in Docker's words. */
export function parseBind(spec: string): MountPoint {
  const parts = spec.split(':')
  if (parts.length === 1 && spec.startsWith('/')) return anonymousVolume(spec)
  const [source, destination, mode = ''] = parts
  if (parts.length < 2 || parts.length > 3 || !source || !destination) {
    throw invalid(`invalid volume specification: '${spec}'`)
  }
  const kind = source.startsWith('/') ? 'bind' : 'volume'
  checkDestination(destination, `invalid volume specification: '${spec}': invalid mount config for type "${kind}"`)
  const words = mode === '' ? [] : mode.split(',')
  const kinds = [['ro', 'rw'], ['z', 'Z'], propagations, ['nocopy'], ['consistent', 'cached', 'delegated']]
  if (kinds.some((kind) => words.filter((word) => kind.includes(word)).length > 1))
    throw invalid(`invalid mode: ${mode}`)
  let propagation = ''
  for (const word of words) {
    if (propagations.includes(word)) propagation = word
    else if (!['ro', 'rw', 'z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated'].includes(word)) {
      throw invalid(`invalid mode: ${mode}`)
    }
  }
  const shared = { ...plainMount, destination: clean(destination), mode, readOnly: words.includes('ro') }
  if (source.startsWith('/')) {
    return {
      ...shared,
      type: 'bind',
      source: clean(source),
      propagation: propagation || 'rprivate',
      create: true,
      readOnlyBelow: 'yes',
    }
  }
  if (source.startsWith('.') || source.startsWith('~')) {
    throw invalid(
      `create ${source}: "${source}" includes invalid characters for a local volume name, only ` +
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    )
  }
  if (propagation) {
    throw invalid(
      `invalid volume specification: '${spec}': invalid mount config for type "volume": field BindOptions must not be specified`,
    )
  }
  return {
    ...shared,
    type: 'volume',
    name: source,
    source: '',
    mode: mode || 'z',
    copyUp: !words.includes('nocopy'),
  }
}

/** A volume without a name, for a VOLUME of the image or a `-v DESTINATION`. */
function anonymousVolume(path: string): MountPoint {
  checkDestination(path, `invalid volume specification: '${path}'`)
  return {
    ...plainMount,
    type: 'volume',
    name: '',
    source: '',
    destination: clean(path),
    copyUp: true,
    anonymous: true,
  }
}

/** A `--mount` of HostConfig.Mounts. Throws 'invalid' in Docker's words. */
export function parseMount(request: MountRequest): MountPoint {
  const { Type: type, Target: target } = request
  const bad = (reason: string) => invalid(`invalid mount config for type "${type}": ${reason}`)
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs') throw bad('mount type unknown')
  if (!target) throw bad('field Target must not be empty')
  checkDestination(target, `invalid mount config for type "${type}"`)
  const own = { bind: 'BindOptions', volume: 'VolumeOptions', tmpfs: 'TmpfsOptions' }[type]
  for (const field of ['BindOptions', 'VolumeOptions', 'TmpfsOptions'] as const) {
    if (field !== own && request[field]) throw bad(`field ${field} must not be specified`)
  }
  const shared = { ...plainMount, destination: clean(target), readOnly: request.ReadOnly ?? false }
  if (type === 'bind') return { ...shared, ...bindOf(request, bad) }
  if (type === 'volume') return { ...shared, ...volumeOf(request, bad) }
  if (request.Source) throw bad('field Source must not be specified')
  const options = request.TmpfsOptions
  return {
    ...shared,
    type,
    source: '',
    options: checkTmpfs([
      ...(options?.SizeBytes ? [`size=${options.SizeBytes}`] : []),
      ...(options?.Mode !== undefined ? [`mode=${options.Mode.toString(8)}`] : []),
      ...(options?.Options ?? []).map((option) => option.join('=')),
    ]),
  }
}

type Refusal = (reason: string) => EngineError

function bindOf(request: MountRequest, bad: Refusal) {
  const source = request.Source ?? ''
  if (!source) throw bad('field Source must not be empty')
  if (!source.startsWith('/')) throw bad(`invalid mount path: '${source}' mount path must be absolute`)
  const options = request.BindOptions
  const propagation = options?.Propagation || 'rprivate'
  if (!propagations.includes(propagation)) throw bad(`invalid propagation mode: ${propagation}`)
  if (options?.ReadOnlyNonRecursive && !request.ReadOnly) throw bad('mount must be ReadOnly with ReadOnlyNonRecursive')
  if (options?.ReadOnlyForceRecursive) {
    const conflict = options.ReadOnlyNonRecursive
      ? 'ReadOnlyForceRecursive conflicts with ReadOnlyNonRecursive'
      : !request.ReadOnly
        ? 'mount must be ReadOnly with ReadOnlyForceRecursive'
        : propagation !== 'rprivate' && 'ReadOnlyForceRecursive requires Propagation to be specified as rprivate'
    if (conflict) throw bad(conflict)
  }
  const below: MountPoint['readOnlyBelow'] = options?.ReadOnlyForceRecursive
    ? 'force'
    : options?.ReadOnlyNonRecursive
      ? 'no'
      : 'yes'
  return {
    type: 'bind' as const,
    source: clean(source),
    propagation,
    create: options?.CreateMountpoint ?? false,
    recursive: !options?.NonRecursive,
    readOnlyBelow: below,
  }
}

function volumeOf(request: MountRequest, bad: Refusal) {
  const options = request.VolumeOptions
  const subpath = options?.Subpath
  if (!request.Source && request.ReadOnly) throw bad('must not set ReadOnly mode when using anonymous volumes')
  if (!request.Source && subpath) throw bad('must not set Subpath when using anonymous volumes')
  if (subpath && (subpath.startsWith('/') || posix.normalize(subpath).split('/')[0] === '..')) {
    throw bad('subpath must be a relative path within the volume')
  }
  return {
    type: 'volume' as const,
    name: request.Source ?? '',
    source: '',
    mode: 'z',
    copyUp: !options?.NoCopy,
    anonymous: !request.Source,
    subpath: subpath ? posix.normalize(subpath) : undefined,
    labels: options?.Labels,
    driver: options?.DriverConfig?.Name,
    driverOptions: options?.DriverConfig?.Options,
  }
}

const tmpfsFlags =
  /^(defaults|r[ow]|(no)?(suid|dev|exec|atime|diratime|relatime|strictatime|mand)|a?sync|dirsync|remount|(un)?bindable|r?(bind|private|shared|slave|unbindable))$/
const tmpfsValues = /^(mode|uid|gid|size|nr_inodes|nr_blocks|mpol)=/

/** Throws 'invalid' in Docker's words for what tmpfs(5) does not know. */
function checkTmpfs(options: string[]): string[] {
  for (const option of options) {
    if (tmpfsFlags.test(option) || tmpfsValues.test(option)) continue
    const [name, value] = option.split(/=(.*)/s)
    throw invalid(
      value === undefined ? `invalid tmpfs option "${name}"` : `invalid tmpfs option ["${name}" "${value}"]`,
    )
  }
  return options
}

/** A `--tmpfs DESTINATION[:OPTIONS]`. */
function parseTmpfs(destination: string, options: string): MountPoint {
  checkDestination(destination)
  return {
    ...plainMount,
    type: 'tmpfs',
    source: '',
    destination: clean(destination),
    readOnly: options.split(',').includes('ro'),
    options: options === '' ? [] : checkTmpfs(options.split(',')),
  }
}

/** A `--volumes-from CONTAINER[:ro|rw]`: the mounts of the other container that are passed on. */
function inherit(spec: string, mountsOf: (container: string) => MountPoint[]): MountPoint[] {
  if (spec === '') throw invalid('volumes-from specification cannot be an empty string')
  const [container = '', mode = ''] = spec.split(/:(.*)/s)
  const words = mode === '' ? [] : mode.split(',')
  if (!words.every((word) => ['ro', 'rw', 'z', 'Z'].includes(word))) throw invalid(`invalid mode: ${mode}`)
  return mountsOf(container)
    .filter(({ type }) => type !== 'tmpfs')
    .map((mount) => ({ ...mount, anonymous: false, copyUp: false, readOnly: mount.readOnly || words.includes('ro') }))
}

/**
 * All mounts that a container is to have: those of --volumes-from are overridden by its own, and a VOLUME of the image
 * gets an anonymous volume where nothing else is mounted. Throws 'invalid' when two claim one place.
 */
export function mountsFor(
  hostConfig: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumesFrom' | 'VolumeDriver'>,
  volumes: Iterable<string>,
  mountsOf: (container: string) => MountPoint[],
): MountPoint[] {
  const own = new Map<string, MountPoint>()
  const add = (mount: MountPoint) => {
    if (own.has(mount.destination)) throw invalid(`Duplicate mount point: ${mount.destination}`)
    own.set(mount.destination, mount)
  }
  const driver = hostConfig.VolumeDriver || undefined
  for (const bind of hostConfig.Binds ?? []) add({ ...parseBind(bind), driver })
  for (const mount of hostConfig.Mounts ?? []) add(parseMount(mount))
  for (const [destination, options] of Object.entries(hostConfig.Tmpfs ?? {})) add(parseTmpfs(destination, options))
  const all = new Map<string, MountPoint>()
  for (const spec of hostConfig.VolumesFrom ?? []) {
    for (const mount of inherit(spec, mountsOf)) all.set(mount.destination, mount)
  }
  for (const mount of own.values()) all.set(mount.destination, mount)
  for (const path of volumes) {
    const volume = anonymousVolume(path)
    if (!all.has(volume.destination)) all.set(volume.destination, volume)
  }
  return [...all.values()]
}

/** Parents before children, whatever the order in which they were asked for. */
export function inOrder(mounts: readonly MountPoint[]): MountPoint[] {
  const depth = ({ destination }: MountPoint) => destination.split('/').filter(Boolean).length
  return [...mounts].sort((a, b) => depth(a) - depth(b))
}

/**
 * What the agent mounts: volumes and binds. A tmpfs stands in the OCI spec. `optionsOf` tells a volume's own mount
 * options. Throws 'invalid' where mounts below a bind can't be made read-only and must be.
 */
export function guestMounts(
  mounts: readonly MountPoint[],
  facts: Pick<GuestFacts, 'kernel' | 'runtime' | 'runtimeVersion'>,
  optionsOf: (volume: string) => VolumeMount | undefined,
): GuestMount[] {
  return inOrder(mounts).flatMap(({ type, name, source, destination, readOnly, ...mount }): GuestMount[] => {
    if (type === 'tmpfs') return []
    if (type === 'volume') {
      const { copyUp, subpath } = mount
      const options = optionsOf(name!)
      return [
        {
          type,
          source: name!,
          destination,
          readOnly,
          copyUp,
          ...(subpath ? { subpath } : {}),
          ...(options ? { options } : {}),
        },
      ]
    }
    const { create, propagation, recursive, readOnlyBelow = 'yes' } = mount
    const can = canReadOnlyBelow(facts)
    if (readOnly && readOnlyBelow === 'force' && !can) {
      throw invalid(`rro is not supported: kernel ${facts.kernel}, ${facts.runtime} ${facts.runtimeVersion}`)
    }
    const below = readOnly && recursive && readOnlyBelow !== 'no' && can
    return [{ type, source, destination, readOnly, readOnlyBelow: below, create, propagation, recursive }]
  })
}

/** mount_setattr(2) came with Linux 5.12; the runtimes know it from these versions on. */
function canReadOnlyBelow({
  kernel,
  runtime,
  runtimeVersion,
}: Pick<GuestFacts, 'kernel' | 'runtime' | 'runtimeVersion'>) {
  const least: Record<string, string> = { runc: '1.1', crun: '1.8' }
  return atLeast(kernel, '5.12') && least[runtime] !== undefined && atLeast(runtimeVersion, least[runtime])
}

/** `Mounts` of inspect. A tmpfs of --tmpfs is not among them, as in Docker. */
export function showMounts(mounts: readonly MountPoint[], tmpfs: Record<string, string>): Record<string, unknown>[] {
  return mounts
    .filter(({ type, destination }) => type !== 'tmpfs' || !(destination in tmpfs))
    .map(({ type, name, source, destination, mode, readOnly, propagation }) => ({
      Type: type,
      ...(type === 'volume' ? { Name: name } : {}),
      Source: source,
      Destination: destination,
      ...(type === 'volume' ? { Driver: 'local' } : {}),
      Mode: mode,
      RW: !readOnly,
      Propagation: propagation,
    }))
}

/** Go's path.Clean for an absolute path. */
function clean(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1')
}

/** `context` is what comes before the reason. */
function checkDestination(path: string, context?: string): void {
  const refused = (reason: string) => invalid(context ? `${context}: ${reason}` : reason)
  if (!path.startsWith('/')) throw refused(`invalid mount path: '${path}' mount path must be absolute`)
  if (clean(path) === '/') throw refused("invalid specification: destination can't be '/'")
}
