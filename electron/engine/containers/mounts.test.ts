import { describe, expect, test } from 'vitest'
import { guestMounts, mountsFor, parseBind, parseMount, type MountPoint } from './mounts'

const none = { Binds: null, Mounts: undefined, Tmpfs: undefined, VolumesFrom: null, VolumeDriver: '' }
const nobody = (): MountPoint[] => []

describe('-v', () => {
  test('a path is a bind, whose folder may be made', () => {
    expect(parseBind('/srv//x/:/data/:ro')).toMatchObject({
      type: 'bind',
      source: '/srv/x',
      destination: '/data',
      readOnly: true,
      create: true,
      propagation: 'rprivate',
    })
  })
  test('a word is a volume, filled from the image', () => {
    expect(parseBind('data:/d')).toMatchObject({ type: 'volume', name: 'data', copyUp: true, readOnly: false })
    expect(parseBind('data:/d:nocopy')).toMatchObject({ copyUp: false })
  })
  test('binds know propagation', () => {
    expect(parseBind('/a:/b:rshared,ro')).toMatchObject({ propagation: 'rshared', readOnly: true })
  })
  test.each([
    ['/a:/b:ro:x', 'invalid volume specification'],
    ['/a:b', 'mount path must be absolute'],
    ['/a:/', "destination can't be '/'"],
    ['/a:/x/..', "destination can't be '/'"],
    ['/a:/b:nosuch', 'invalid mode: nosuch'],
    ['./a:/b', 'If you intended to pass a host directory, use absolute path'],
    ['data:/b:rshared', 'field BindOptions must not be specified'],
  ])('%s is refused', (spec, message) => {
    expect(() => parseBind(spec)).toThrow(message)
  })
})

describe('--mount', () => {
  test('a bind does not make its source unless told', () => {
    expect(parseMount({ Type: 'bind', Source: '/a', Target: '/b' } as never)).toMatchObject({ create: false })
  })
  test('a volume without a name is anonymous', () => {
    expect(parseMount({ Type: 'volume', Target: '/b' } as never)).toMatchObject({ anonymous: true, name: '' })
  })
  test('tmpfs options become mount options', () => {
    const mount = parseMount({ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o1770 } } as never)
    expect(mount.options).toEqual(['size=1024', 'mode=1770'])
  })
  test.each([
    [{ Type: 'bind', Source: '', Target: '/b' }, 'field Source must not be empty'],
    [{ Type: 'bind', Source: 'a', Target: '/b' }, "invalid mount path: 'a' mount path must be absolute"],
    [{ Type: 'volume', Target: '' }, 'field Target must not be empty'],
    [{ Type: 'tmpfs', Source: '/x', Target: '/t' }, 'field Source must not be specified'],
    [{ Type: 'image', Source: 'x', Target: '/t' }, 'mount type unknown'],
    [
      { Type: 'volume', Source: 'v', Target: '/t', VolumeOptions: { Subpath: '../x' } },
      'subpath must be a relative path',
    ],
  ])('%j is refused', (mount, message) => {
    expect(() => parseMount(mount as never)).toThrow(message)
  })
})

describe('all mounts of a container', () => {
  test("a VOLUME of the image gives way to the container's own mount", () => {
    const mounts = mountsFor({ ...none, Binds: ['data:/d'] }, ['/d', '/e/'], nobody)
    expect(mounts.map(({ destination, anonymous }) => [destination, anonymous])).toEqual([
      ['/d', false],
      ['/e', true],
    ])
  })
  test('--volumes-from passes volumes and binds on, not tmpfs, and own mounts win', () => {
    const other = [parseBind('v:/v'), parseBind('/b:/b'), parseMount({ Type: 'tmpfs', Target: '/t' } as never)]
    const mounts = mountsFor({ ...none, VolumesFrom: ['other:ro'], Binds: ['own:/b'] }, [], () => other)
    expect(mounts.map(({ destination, name, readOnly }) => [destination, name, readOnly])).toEqual([
      ['/v', 'v', true],
      ['/b', 'own', false],
    ])
  })
  test('two mounts at one place are refused', () => {
    expect(() => mountsFor({ ...none, Binds: ['a1:/d', '/b:/d/'] }, [], nobody)).toThrow('Duplicate mount point: /d')
  })
  test('the agent gets parents before children, and no tmpfs', () => {
    const mounts = mountsFor({ ...none, Binds: ['a1:/d/e', 'b1:/d'], Tmpfs: { '/t': 'size=1m' } }, [], nobody)
    const facts = { kernel: '6.1.0', runtime: 'runc', runtimeVersion: '1.1.5' }
    expect(guestMounts(mounts, facts, () => undefined).map(({ destination }) => destination)).toEqual(['/d', '/d/e'])
  })
})
