/** The builtin machine on the real v86 with the real guest image: start, link, containers, network, disk, ends. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtin, builtinAt } from '../../electron/machine/builtin/driver'
import { defaultPlaces } from '../../electron/machine/builtin/places'
import { protocol, type Request } from '../../electron/machine/contract'
import { Link } from '../../electron/machine/link'
import type { BootReport, Machine } from '../../electron/machine/machine'

const folder = mkdtempSync(join(tmpdir(), 'berth-builtin-'))
const machineDir = join(folder, 'machine')
const starter = join(import.meta.dirname, '../../.cache/starter/busybox.tar')
const layer = '00000000000000aa'
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

let machine: Machine
let link: Link
let boot: BootReport
const stages: string[] = []

const make = () => builtin.create({ dir: machineDir, log: () => undefined })
const hello = () => link.call('hello', { protocol, time: new Date().toISOString() })

async function start(): Promise<void> {
  machine = make()
  boot = await machine.start(({ stage }) => stages.push(stage))
  link = new Link(await machine.connect())
}

beforeAll(start, 600_000)
afterAll(async () => {
  await machine.kill()
  rmSync(folder, { recursive: true })
})

it('can be probed without starting anything', async () => {
  expect(await builtin.probe()).toMatchObject({ ok: true })
  const nowhere = builtinAt(() => ({ ...defaultPlaces(), guestDir: join(folder, 'nowhere') }))
  expect(await nowhere.probe()).toEqual({ ok: false, reason: 'the guest image is missing: run npm run guest' })
  const failed = nowhere.create({ dir: join(folder, 'other'), log: () => undefined }).start(() => undefined)
  await expect(failed).rejects.toMatchObject({ stage: 'files', message: expect.stringContaining('guest image') })
})

it('starts up to an agent, in named stages', async () => {
  expect(['cold', 'snapshot']).toContain(boot.kind)
  expect(stages.at(0)).toBe('files')
  expect(stages.slice(-3)).toEqual(['vm', 'disk', 'agent'])
  const { facts } = await hello()
  expect(facts).toMatchObject({ arch: '386', hostname: 'berth', cgroup: '2', runtime: 'crun', cpus: 1 })
})

it('says what it costs on the host', async () => {
  const usage = await machine.hostUsage()
  expect(usage.pids).toHaveLength(1)
  expect(usage.memory).toBeGreaterThan(50e6)
  expect(usage.cpuMs).toBeGreaterThan(0)
  expect(usage.diskSize).toBe(64 * 2 ** 30)
  expect(usage.diskAllocated).toBe(statSync(join(machineDir, 'data.img')).blocks * 512)
  expect(usage.diskAllocated).toBeLessThan(100e6)
})

it('lets no other engine use its disk meanwhile', async () => {
  await expect(make().start(() => undefined)).rejects.toThrow('another engine runs this machine')
})

describe('containers', () => {
  beforeAll(async () => {
    const apply = link.open('layer.apply', { id: layer, parents: [] })
    apply.end(await starterLayer())
    await apply.reply
    await link.call('network.ensure', network)
  })

  it('run', async () => {
    expect(await run('echo hello from $(uname -m)')).toBe('hello from i686\n')
  })

  it.skipIf(!outside)('reach the outside, with a direction that closes on its own', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.on('end', () => socket.end(`got ${Buffer.concat(chunks).length}`))
    }).listen(0, outside)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(await run(`dd if=/dev/zero bs=1000 count=3000 2>/dev/null | nc ${outside} ${port}`)).toBe('got 3000000')
    server.close()
  })

  it.skipIf(!outside)('get a large answer whole', async () => {
    const size = 5_000_000
    const server = createServer((socket) => socket.end(Buffer.alloc(size, 7))).listen(0, outside)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(
      await run(`nc ${outside} ${port} </dev/null | tr -d '\\007' | wc -c; nc ${outside} ${port} </dev/null | wc -c`),
    ).toBe(`0\n${size}\n`)
    server.close()
  })

  it("don't reach the host's loopback, by no address", async () => {
    const server = createServer((socket) => socket.end('reached')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const address of ['192.168.127.1', '192.168.127.2', '0.0.0.0', '127.0.0.1', '172.30.0.1'])
      expect(await run(`nc -w 3 ${address} ${port} </dev/null 2>/dev/null; echo $?`)).toBe('1\n')
    server.close()
  })
})

it('keeps what reached the disk when its process is killed, and comes back from the snapshot', async () => {
  await link.call('volume.create', { name: 'kept' })
  await link.call('sync', {})
  await machine.kill()
  await link.closed
  await start()
  expect(boot.kind).toBe('snapshot')
  expect((await hello()).layers).toEqual([layer])
  expect((await link.call('volume.sizes', { names: ['kept'] })).sizes).toHaveProperty('kept')
})

it('gives every guest random numbers of its own', async () => {
  const numbers = await run('head -c 16 /dev/urandom | od -An -tx1')
  await machine.kill()
  await start()
  expect(await run('head -c 16 /dev/urandom | od -An -tx1')).not.toBe(numbers)
})

it('serves one connection after another', async () => {
  link.close()
  link = new Link(await machine.connect())
  expect((await hello()).protocol).toBe(protocol)
})

it('tells when the guest turns itself off', async () => {
  const ended = new Promise<string>((resolve) => machine.onExit(resolve))
  await link.call('shutdown', { timeout: 1, powerOff: true })
  expect(await ended).toBe('the guest turned itself off')
  expect((await machine.hostUsage()).pids).toEqual([])
})

it('stops cleanly', async () => {
  await start()
  let exits = 0
  machine.onExit(() => exits++)
  await link.call('shutdown', { timeout: 1, powerOff: true })
  await machine.stop()
  await machine.stop()
  expect((await machine.hostUsage()).pids).toEqual([])
  expect(exits).toBe(0)
})

it('can be stopped while it starts', async () => {
  machine = make()
  const started = machine.start(() => undefined)
  await machine.kill()
  await expect(started).rejects.toThrow('stopped while it started')
  expect((await machine.hostUsage()).pids).toEqual([])
})

it("ends with its engine's process, however that ends", async () => {
  const engine = fork(join(import.meta.dirname, 'builtin-parent.mjs'), [defaultPlaces().vmScript], { silent: true })
  const [pid] = (await once(engine, 'message')) as [number]
  expect(isAlive(pid)).toBe(true)
  await killed(engine)
  await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false)
})

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function isAlive(pid: number): boolean {
  try {
    // A zombie still has a pid; its state tells.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const network = {
  bridge: 'berth-0000test',
  addresses: ['172.30.0.1/16'],
  mtu: 1500,
  masquerade: true,
  icc: true,
  internal: false,
  exclusive: false,
  dns: true,
}

let containers = 0

/** What a shell in a new container on the bridge prints. */
async function run(command: string): Promise<string> {
  await link.call('network.ensure', network)
  const id = `test${++containers}`
  await link.call('container.start', containerOf(id, command))
  const request = { id, stdout: true, stderr: true, tail: -1, follow: true, timestamps: false, raw: true }
  const chunks: Buffer[] = []
  for await (const chunk of link.open('logs', request)) chunks.push(chunk as Buffer)
  await link.call('container.remove', { id })
  return Buffer.concat(chunks).toString()
}

function containerOf(id: string, command: string): Request<'container.start'> {
  return {
    id,
    root: { id, layers: [layer] },
    spec: {
      ociVersion: '1.0.2',
      process: { args: ['sh', '-c', command], env: ['PATH=/bin'], cwd: '/', capabilities: {} },
      root: { path: 'rootfs' },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      ],
      linux: {
        cgroupsPath: `/berth/${id}`,
        namespaces: ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup'].map((type) => ({ type })),
      },
    },
    user: '',
    groups: [],
    tty: false,
    rows: 24,
    cols: 80,
    openStdin: false,
    stdinOnce: false,
    init: false,
    log: { driver: 'json-file', maxSize: -1, maxFile: 1 },
    files: [],
    mounts: [],
    network: {
      mode: 'bridge',
      endpoints: [
        {
          name: 'eth0',
          bridge: network.bridge,
          hostName: `veth${id}`,
          mac: '02:42:ac:1e:00:02',
          addresses: ['172.30.0.2/16'],
          gateways: ['172.30.0.1'],
          mtu: 1500,
        },
      ],
      dns: false,
    },
  }
}

/** The one layer of the starter image for 386, as an uncompressed tar. */
async function starterLayer(): Promise<Buffer> {
  const blobs = new Map((await unpackTar(readFileSync(starter))).map(({ header, data }) => [header.name, data]))
  type Index = { manifests: { digest: string; platform?: { architecture: string } }[] }
  const blobOf = (digest: string) => Buffer.from(blobs.get(`blobs/${digest.replace(':', '/')}`)!)
  const json = <T>(digest: string) => JSON.parse(blobOf(digest).toString()) as T
  const { manifests } = JSON.parse(Buffer.from(blobs.get('index.json')!).toString()) as Index
  const platforms = json<Index>(manifests[0]!.digest).manifests
  const { digest } = platforms.find(({ platform }) => platform?.architecture === '386')!
  const { layers } = json<{ layers: { digest: string }[] }>(digest)
  return gunzipSync(blobOf(layers[0]!.digest))
}
