import { describe, expect, test } from 'vitest'
import contract from '../../../resources/guest/contract.json'
import { ops } from '../../machine/contract'
import { createBody } from './config'
import { mountsFor } from './mounts'
import { resourcesOf, specOf, type OciProcess } from './spec'

const facts = {
  ...ops.hello.reply.parse(contract.ops.hello.reply).facts,
  capabilities: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_NET_RAW'],
  cgroup: '2',
}

interface Spec {
  process: OciProcess
  hostname: string
  root: { readonly: boolean }
  mounts: { destination: string; options: string[] }[]
  linux: { namespaces: { type: string }[]; maskedPaths: string[] }
}

function spec(body: object): Spec {
  const { config, hostConfig } = createBody.parse(body)
  const mounts = mountsFor(hostConfig, [], () => [])
  return specOf({ id: 'aa', config, hostConfig, mounts, hostname: 'box', facts, devices: [] }) as unknown as Spec
}

test('command, environment and folder', () => {
  const { process, hostname } = spec({
    Entrypoint: ['a'],
    Cmd: ['b'],
    Env: ['PATH=/x', 'A=1', 'A=2', 'B'],
    WorkingDir: '/w',
  })
  expect(process.args).toEqual(['a', 'b'])
  expect(process.env).toEqual(['PATH=/x', 'HOSTNAME=box', 'A=2'])
  expect(process.cwd).toBe('/w')
  expect(hostname).toBe('box')
})

test('a terminal has TERM', () => {
  expect(spec({ Tty: true, Cmd: ['a'] }).process).toMatchObject({
    terminal: true,
    env: expect.arrayContaining(['TERM=xterm']),
  })
})

describe('capabilities', () => {
  const of = (host: object) => spec({ Cmd: ['a'], HostConfig: host }).process.capabilities.bounding
  test('are those of the default that the guest has', () =>
    expect(of({})).toEqual(['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW']))
  test('--cap-add', () => expect(of({ CapAdd: ['net_admin'] })).toContain('CAP_NET_ADMIN'))
  test('--cap-add of what the guest lacks', () => expect(of({ CapAdd: ['SYS_ADMIN'] })).not.toContain('CAP_SYS_ADMIN'))
  test('--cap-drop ALL --cap-add', () => expect(of({ CapDrop: ['ALL'], CapAdd: ['CAP_KILL'] })).toEqual(['CAP_KILL']))
  test('--cap-add ALL --cap-drop', () => expect(of({ CapAdd: ['ALL'], CapDrop: ['KILL'] })).not.toContain('CAP_KILL'))
  test('--privileged', () => expect(of({ Privileged: true })).toEqual(facts.capabilities))
})

describe('namespaces', () => {
  const of = (host: object) => spec({ Cmd: ['a'], HostConfig: host }).linux.namespaces.map(({ type }) => type)
  test('own ones by default; the network is for the agent', () =>
    expect(of({ CgroupnsMode: 'private' })).toEqual(['mount', 'uts', 'ipc', 'pid', 'cgroup']))
  test("the host's", () =>
    expect(of({ PidMode: 'host', IpcMode: 'host', UTSMode: 'host', CgroupnsMode: 'host' })).toEqual(['mount']))
})

test('--read-only, --tmpfs, --shm-size', () => {
  const { root, mounts } = spec({
    Cmd: ['a'],
    HostConfig: { ReadonlyRootfs: true, ShmSize: 1024, Tmpfs: { '/t': 'size=1m,exec' } },
  })
  expect(root.readonly).toBe(true)
  const at = (path: string) => mounts.find(({ destination }) => destination === path)
  expect(at('/dev/shm')?.options).toContain('size=1024')
  expect(at('/t')).toMatchObject({ type: 'tmpfs', options: ['noexec', 'nosuid', 'nodev', 'size=1m', 'exec'] })
})

test('masked paths are those of the settings, and none with --privileged', () => {
  expect(spec({ Cmd: ['a'], HostConfig: { MaskedPaths: ['/proc/kcore'] } }).linux.maskedPaths).toEqual(['/proc/kcore'])
  expect(
    spec({ Cmd: ['a'], HostConfig: { MaskedPaths: ['/proc/kcore'], Privileged: true } }).linux.maskedPaths,
  ).toEqual([])
})

test('limits', () => {
  expect(
    resourcesOf({ Memory: 64 << 20, NanoCpus: 500_000_000, PidsLimit: 20, CpusetCpus: '0', CpuShares: 512 }, facts),
  ).toEqual({
    memory: { limit: 64 << 20, swap: 128 << 20 },
    cpu: { shares: 512, period: 100_000, quota: 50_000, cpus: '0' },
    pids: { limit: 20 },
  })
  expect(resourcesOf({ Memory: 64 << 20 }, { ...facts, controls: [] })).toEqual({ memory: { limit: 64 << 20 } })
  expect(resourcesOf({}, facts)).toEqual({})
})
