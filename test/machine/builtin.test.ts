/** The builtin machine on the real v86 with the real guest image: start, link, containers, network, disk, ends. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtin, builtinAt } from '../../electron/machine/builtin/driver'
import { defaultPlaces } from '../../electron/machine/builtin/places'
import { openSnapshot } from '../../electron/machine/builtin/snapshot'
import { protocol } from '../../electron/machine/contract'
import { Link } from '../../electron/machine/link'
import { defaultSize, type BootReport, type Machine } from '../../electron/machine/machine'
import { applyStarter, containerOf, hello as greet, layer, network, output } from './containers'

const folder = mkdtempSync(join(tmpdir(), 'berth-builtin-'))
const machineDir = join(folder, 'machine')
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

let machine: Machine
let link: Link
let boot: BootReport
const stages: string[] = []

const log: string[] = []
const make = () => builtin.create({ ...defaultSize(builtin), dir: machineDir, log: (line) => log.push(line) })
const hello = () => greet(link)

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
  const failed = nowhere
    .create({ ...defaultSize(nowhere), dir: join(folder, 'other'), log: () => undefined })
    .start(() => undefined)
  await expect(failed).rejects.toMatchObject({ stage: 'files', message: expect.stringContaining('guest image') })
})

it('starts up to an agent, in named stages', async () => {
  expect(['cold', 'snapshot']).toContain(boot.kind)
  expect(stages.at(0)).toBe('files')
  expect(stages.slice(-3)).toEqual(['vm', 'disk', 'agent'])
  const { facts } = await hello()
  expect(facts).toMatchObject({ arch: '386', hostname: 'berth', cgroup: '2', runtime: 'crun', cpus: 1 })
})

it('rehearses beside the machine, for the next start', { timeout: 900_000 }, async () => {
  if (!isRehearsed()) await expect.poll(() => log, { timeout: 900_000 }).toContain('The rehearsed start is kept')
  expect(isRehearsed()).toBe(true)
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
    await applyStarter(link, '386')
  })

  it('run', async () => {
    expect(await run('echo hello from $(uname -m)')).toBe('hello from i686\n')
  })

  it('are held to their memory', async () => {
    const eat = 'dd if=/dev/zero of=/dev/eaten bs=1M count=30 2>/dev/null && echo fits'
    expect(await run(eat)).toBe('fits\n')
    expect(await run(eat, { memory: { limit: 2 ** 24, swap: 2 ** 24 } })).toBe('')
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

it('starts on a disk that is full to the last byte, so that it can be freed', async () => {
  await link.call('network.ensure', network)
  const fill =
    's=1073741824; while [ $s -ge 4096 ]; do fallocate -l $s /f$((n=n+1)) 2>/dev/null || s=$((s/2)); done; ' +
    'dd if=/dev/zero of=/last bs=4k 2>/dev/null'
  await link.call('container.start', containerOf('filler', fill))
  await output(link, 'filler')
  await expect(link.call('volume.create', { name: 'more' })).rejects.toThrow('no space left on device')
  await machine.kill()
  await start()
  await hello()
  await link.call('container.remove', { id: 'filler' })
  expect(await run('dd if=/dev/zero of=/some bs=1M count=8 2>/dev/null && echo fits')).toBe('fits\n')
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

let containers = 0

/** What a shell in a new container on the bridge prints. */
async function run(command: string, resources?: object): Promise<string> {
  await link.call('network.ensure', network)
  const id = `test${++containers}`
  await link.call('container.start', containerOf(id, command, resources))
  const printed = await output(link, id)
  await link.call('container.remove', { id })
  return printed
}

function isRehearsed(): boolean {
  const { snapshotDir } = defaultPlaces()
  const [name] = readdirSync(snapshotDir).filter((file) => file.endsWith('.snapshot'))
  const found = openSnapshot(snapshotDir, name!.replace('.snapshot', ''))
  return 'rehearsed' in found && found.rehearsed
}
