import { posix } from 'node:path'
import type { GuestMount } from '../../machine/contract'
import { EngineError } from '../errors'
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
  /** Mount options of a tmpfs. */
  options: string[]
  /** For a volume that has to be made. */
  labels?: Record<string, string>
  driver?: string
  driverOptions?: Record<string, string>
}

const invalid = (message: string) => new EngineError('invalid', message)
const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']

const plain: Omit<MountPoint, 'type' | 'source' | 'destination'> = {
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
  const [source, destination, mode = ''] = parts
  if (parts.length < 2 || parts.length > 3 || !source || !destination) {
    throw invalid(`invalid volume specification: '${spec}'`)
  }
  checkDestination(destination, source.startsWith('/') ? 'bind' : 'volume', `invalid volume specification: '${spec}'`)
  const words = mode === '' ? [] : mode.split(',')
  let propagation = ''
  for (const word of words) {
    if (propagations.includes(word)) propagation = word
    else if (!['ro', 'rw', 'z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated'].includes(word)) {
      throw invalid(`invalid mode: ${mode}`)
    }
  }
  const shared = { ...plain, destination: clean(destination), mode, readOnly: words.includes('ro') }
  if (source.startsWith('/')) {
    return {
      ...shared,
      type: 'bind',
      source: clean(source),
      propagation: propagation || 'rprivate',
      create: true,
    }
  }
  if (source.startsWith('.') || source.startsWith('~')) {
    throw invalid(
      `create ${source}: "${source}" includes invalid characters for a local volume name, only ` +
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    )
  }
  if (propagation) throw invalid(`invalid mode: ${mode}`)
  return {
    ...shared,
    type: 'volume',
    name: source,
    source: '',
    mode: mode || 'z',
    copyUp: !words.includes('nocopy'),
  }
}

/** A `--mount` of HostConfig.Mounts. Throws 'invalid', and 'unsupported' for what this engine can't do. */
export function parseMount(request: MountRequest): MountPoint {
  const { Type: type, Target: target } = request
  if (!['bind', 'volume', 'tmpfs'].includes(type)) {
    throw new EngineError('unsupported', `mounts of type "${type}" are not available`)
  }
  const bad = (reason: string) => invalid(`invalid mount config for type "${type}": ${reason}`)
  if (!target) throw bad('field Target must not be empty')
  checkDestination(target, type, `invalid mount config for type "${type}"`)
  const shared = { ...plain, destination: clean(target), readOnly: request.ReadOnly ?? false }
  if (type === 'bind') {
    const source = request.Source ?? ''
    if (!source) throw bad('field Source must not be empty')
    if (!source.startsWith('/')) throw bad(`invalid mount path: '${source}' mount path must be absolute`)
    const options = request.BindOptions
    const propagation = options?.Propagation || 'rprivate'
    if (!propagations.includes(propagation)) throw bad(`invalid propagation mode: ${propagation}`)
    if (options?.ReadOnlyForceRecursive) throw bad('recursive read-only mounts are not available')
    return {
      ...shared,
      type,
      source: clean(source),
      propagation,
      create: options?.CreateMountpoint ?? false,
      recursive: !options?.NonRecursive,
    }
  }
  if (type === 'volume') {
    const options = request.VolumeOptions
    if (options?.Subpath) throw new EngineError('unsupported', 'volume-subpath is not available yet')
    return {
      ...shared,
      type,
      name: request.Source ?? '',
      source: '',
      mode: 'z',
      copyUp: !options?.NoCopy,
      anonymous: !request.Source,
      labels: options?.Labels,
      driver: options?.DriverConfig?.Name,
      driverOptions: options?.DriverConfig?.Options,
    }
  }
  if (request.Source) throw bad('field Source must not be specified')
  const options = request.TmpfsOptions
  return {
    ...shared,
    type: 'tmpfs',
    source: '',
    options: [
      ...(options?.SizeBytes ? [`size=${options.SizeBytes}`] : []),
      ...(options?.Mode !== undefined ? [`mode=${options.Mode.toString(8)}`] : []),
      ...(options?.Options ?? []).map((option) => option.join('=')),
    ],
  }
}

/** A `--tmpfs DESTINATION[:OPTIONS]`. */
function parseTmpfs(destination: string, options: string): MountPoint {
  checkDestination(destination, 'tmpfs', 'invalid tmpfs mount')
  return {
    ...plain,
    type: 'tmpfs',
    source: '',
    destination: clean(destination),
    readOnly: options.split(',').includes('ro'),
    options: options === '' ? [] : options.split(','),
  }
}

/** A `--volumes-from CONTAINER[:ro|rw]`: the mounts of the other container that are passed on. */
function inherit(spec: string, mountsOf: (container: string) => MountPoint[]): MountPoint[] {
  const [container = '', mode = ''] = spec.split(':')
  if (container === '') throw invalid(`malformed volumes from specification: '${spec}'`)
  if (mode && !['ro', 'rw', 'z', 'Z'].includes(mode)) throw invalid(`invalid mode for volumes-from: ${mode}`)
  return mountsOf(container)
    .filter(({ type }) => type !== 'tmpfs')
    .map((mount) => ({ ...mount, anonymous: false, copyUp: false, readOnly: mount.readOnly || mode === 'ro' }))
}

/**
 * All mounts that a container is to have: those of --volumes-from are overridden by its own, and a VOLUME of the image
 * gets an anonymous volume where nothing else is mounted. Throws 'invalid' when two claim one place.
 */
export function mountsFor(
  hostConfig: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumesFrom'>,
  volumes: Iterable<string>,
  mountsOf: (container: string) => MountPoint[],
): MountPoint[] {
  const own = new Map<string, MountPoint>()
  const add = (mount: MountPoint) => {
    if (own.has(mount.destination)) throw invalid(`Duplicate mount point: ${mount.destination}`)
    own.set(mount.destination, mount)
  }
  for (const bind of hostConfig.Binds ?? []) add(parseBind(bind))
  for (const mount of hostConfig.Mounts ?? []) add(parseMount(mount))
  for (const [destination, options] of Object.entries(hostConfig.Tmpfs ?? {})) add(parseTmpfs(destination, options))
  const all = new Map<string, MountPoint>()
  for (const spec of hostConfig.VolumesFrom ?? []) {
    for (const mount of inherit(spec, mountsOf)) all.set(mount.destination, mount)
  }
  for (const mount of own.values()) all.set(mount.destination, mount)
  for (const path of volumes) {
    const destination = clean(path)
    checkDestination(destination, 'volume', `invalid volume specification: '${path}'`)
    if (all.has(destination)) continue
    all.set(destination, { ...plain, type: 'volume', name: '', source: '', destination, copyUp: true, anonymous: true })
  }
  return [...all.values()]
}

/** Parents before children, whatever the order in which they were asked for. */
export function inOrder(mounts: readonly MountPoint[]): MountPoint[] {
  const depth = ({ destination }: MountPoint) => destination.split('/').filter(Boolean).length
  return [...mounts].sort((a, b) => depth(a) - depth(b))
}

/** What the agent mounts: volumes and binds. A tmpfs stands in the OCI spec. */
export function guestMounts(mounts: readonly MountPoint[]): GuestMount[] {
  return inOrder(mounts).flatMap(({ type, name, source, destination, readOnly, ...mount }): GuestMount[] => {
    if (type === 'tmpfs') return []
    if (type === 'volume') return [{ type, source: name!, destination, readOnly, copyUp: mount.copyUp }]
    const { create, propagation, recursive } = mount
    return [{ type, source, destination, readOnly, create, propagation, recursive }]
  })
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

function checkDestination(path: string, type: string, context: string): void {
  if (!path.startsWith('/')) throw invalid(`${context}: invalid mount path: '${path}' mount path must be absolute`)
  if (clean(path) === '/') {
    throw invalid(
      `${context}: invalid mount config for type "${type}": invalid specification: destination can't be '/'`,
    )
  }
}
