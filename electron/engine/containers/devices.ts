import { readdir, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { EngineError } from '../errors'
import type { HostConfig } from './config'

export type DeviceRequest = HostConfig['Devices'][number]

interface Rule {
  allow: boolean
  type?: 'a' | 'c' | 'b'
  major?: number
  minor?: number
  access: string
}

interface Node {
  type: 'c' | 'b'
  major: number
  minor: number
  fileMode: number
  uid: number
  gid: number
}

/** A device of a container, in the OCI spec's words: its node, and the cgroup rule that lets it be used. */
export interface GuestDevice {
  node: Node & { path: string }
  rule: Rule
}

/** Character devices with fixed numbers (Linux's Documentation/admin-guide/devices.txt). */
const wellKnown: Record<string, [major: number, minor: number]> = {
  '/dev/null': [1, 3],
  '/dev/zero': [1, 5],
  '/dev/full': [1, 7],
  '/dev/random': [1, 8],
  '/dev/urandom': [1, 9],
  '/dev/kmsg': [1, 11],
  '/dev/tty': [5, 0],
  '/dev/console': [5, 1],
  '/dev/fuse': [10, 229],
  '/dev/net/tun': [10, 200],
  '/dev/kvm': [10, 232],
}

/** What the cgroup says of devices that are not named: nothing is allowed, or with --privileged everything. */
export function defaultRules({
  Privileged,
  DeviceCgroupRules,
}: Pick<HostConfig, 'Privileged' | 'DeviceCgroupRules'>): Rule[] {
  return [{ allow: Privileged, access: 'rwm' }, ...(DeviceCgroupRules ?? []).map(parseRule)]
}

/**
 * The device nodes of a container: those of --device, and with --privileged all of the guest's. `shared` says that the
 * guest's /dev is this computer's own; otherwise only devices with fixed numbers are known. Throws 'invalid' and
 * 'unsupported'.
 */
export async function devicesFor(
  { Devices, Privileged }: Pick<HostConfig, 'Devices' | 'Privileged'>,
  shared: boolean,
): Promise<GuestDevice[]> {
  const all = Privileged ? (shared ? await nodesUnder('/dev') : Object.keys(wellKnown)) : []
  const asked = new Set(Devices.map(({ PathInContainer, PathOnHost }) => PathInContainer || PathOnHost))
  const rest = all
    .filter((path) => !asked.has(path))
    .map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' }))
  const wanted = (await Promise.all(Devices.map((request) => expand(request, shared)))).flat()
  return Promise.all([...wanted, ...rest].map((request) => deviceFor(request, shared)))
}

/** A folder stands for the devices below it. */
async function expand(request: DeviceRequest, shared: boolean): Promise<DeviceRequest[]> {
  const { PathOnHost: source, PathInContainer, CgroupPermissions } = request
  const isFolder = shared && (await stat(source).catch(() => undefined))?.isDirectory()
  if (!isFolder) return [request]
  const nodes = await nodesUnder(source.replace(/\/+$/, ''))
  return nodes.map((path) => ({
    PathOnHost: path,
    PathInContainer: posix.join(PathInContainer || source, posix.relative(source, path)),
    CgroupPermissions,
  }))
}

/** The numbers of a block device. Throws 'internal' when it is not there, 'unsupported' where they can't be known. */
export async function numbersOf(path: string, shared: boolean): Promise<{ major: number; minor: number }> {
  if (!shared) {
    throw new EngineError('unsupported', `limits of the device ${path} are not available: the machine has its own`)
  }
  const found = await stat(path).catch((error: unknown) => {
    throw new EngineError('internal', `stat ${path}: no such file or directory`, { cause: error })
  })
  return numbers(found.rdev)
}

/** Linux's dev_t: makedev(3). */
function numbers(rdev: number): { major: number; minor: number } {
  return { major: Math.floor(rdev / 256) & 0xfff, minor: (rdev & 0xff) | (Math.floor(rdev / 0x1000) & 0xfff00) }
}

/** Folders of /dev that a container has of its own. */
const own = ['/dev/pts', '/dev/shm', '/dev/mqueue', '/dev/fd', '/dev/console', '/dev/ptmx']

async function nodesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = entries.map(async (entry): Promise<string[]> => {
    const path = `${folder}/${entry.name}`
    if (own.includes(path)) return []
    if (entry.isDirectory()) return nodesUnder(path)
    return entry.isCharacterDevice() || entry.isBlockDevice() ? [path] : []
  })
  return (await Promise.all(found)).flat()
}

async function deviceFor(
  { PathOnHost: source, PathInContainer, CgroupPermissions }: DeviceRequest,
  shared: boolean,
): Promise<GuestDevice> {
  const access = CgroupPermissions || 'rwm'
  if (!/^[rwm]{1,3}$/.test(access)) throw new EngineError('invalid', `invalid device mode: ${access}`)
  const found = shared ? await look(source) : known(source)
  const { type, major, minor } = found
  return { node: { path: PathInContainer || source, ...found }, rule: { allow: true, type, major, minor, access } }
}

async function look(path: string): Promise<Node> {
  const found = await stat(path).catch((error: unknown) => {
    throw new EngineError(
      'internal',
      `error gathering device information while adding custom device "${path}": no such file or directory`,
      { cause: error },
    )
  })
  if (!found.isCharacterDevice() && !found.isBlockDevice()) {
    throw new EngineError(
      'internal',
      `error gathering device information while adding custom device "${path}": not a device node`,
    )
  }
  return {
    type: found.isBlockDevice() ? 'b' : 'c',
    ...numbers(found.rdev),
    fileMode: found.mode & 0o777,
    uid: found.uid,
    gid: found.gid,
  }
}

function known(path: string): Node {
  const numbers = wellKnown[path]
  if (!numbers) {
    throw new EngineError('unsupported', `the device ${path} is not available: this machine has devices of its own`)
  }
  return { type: 'c', major: numbers[0], minor: numbers[1], fileMode: 0o666, uid: 0, gid: 0 }
}

/** A --device-cgroup-rule: `c 1:3 mr`, `a *:* rwm`. Throws 'invalid'. */
export function parseRule(text: string): Rule {
  const [, type, major, minor, access] = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text) ?? []
  if (!type) throw new EngineError('invalid', `invalid device cgroup rule format: '${text}'`)
  return {
    allow: true,
    type: type as 'a' | 'c' | 'b',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access: access!,
  }
}
