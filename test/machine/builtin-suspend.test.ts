/** Suspending the builtin machine on the real v86: what runs in it goes on where it was, and what is damaged is refused. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { builtin } from '../../electron/machine/builtin/driver'
import { Link } from '../../electron/machine/link'
import { defaultSize, type BootReport, type Machine } from '../../electron/machine/machine'
import { applyStarter, containerOf, hello, network } from './containers'

const rounds = 20
const dir = join(mkdtempSync(join(tmpdir(), 'berth-suspend-')), 'machine')

let machine: Machine
let link: Link
let boot: BootReport

async function start(): Promise<void> {
  machine = builtin.create({ dir, ...defaultSize(builtin), log: () => undefined })
  boot = await machine.start(() => undefined)
  link = new Link(await machine.connect())
  await hello(link)
}

async function suspend(): Promise<void> {
  link.close()
  await machine.suspend!()
}

beforeAll(async () => {
  await start()
  await applyStarter(link, '386')
  await link.call('network.ensure', network)
  const work =
    'mkdir /www; echo here >/www/index.html; httpd -p 8080 -h /www; while :; do i=$((i+1)); echo $i; sleep 0.1; done'
  await link.call('container.start', containerOf('worker', work))
  await vi.waitFor(() => get('/index.html'), 60_000)
}, 900_000)
afterAll(async () => {
  await machine.kill()
  rmSync(join(dir, '..'), { recursive: true })
})

it(`goes on where it was, ${rounds} times`, { timeout: 900_000 }, async () => {
  for (let round = 0; round < rounds; round++) {
    await suspend()
    expect(await machine.hostUsage()).toMatchObject({ pids: [], memory: 0 })
    expect((await machine.hostUsage()).suspended).toBeGreaterThan(10e6)
    await start()
    expect(boot).toMatchObject({ kind: 'resumed', note: undefined })
    expect((await machine.hostUsage()).suspended).toBe(0)
    expect(await get('/index.html')).toMatch(/^HTTP\/1.* 200 OK[^]*here\n$/)
    expect(Math.abs((await guestTime()) - Date.now())).toBeLessThan(2000)
  }
  const numbers = (await logOf('worker')).trim().split('\n').map(Number)
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  expect(numbers.length).toBeGreaterThan(rounds)
})

it('refuses what is damaged, says so, and starts without it', async () => {
  await suspend()
  const [name] = await readdir(join(dir, 'suspended'))
  const file = await open(join(dir, 'suspended', name!), 'r+')
  await file.write(Buffer.from('damage'), 0, 6, (await file.stat()).size / 2)
  await file.close()
  await start()
  expect(boot.kind).toBe('snapshot')
  expect(boot.note).toContain('it is damaged')
  expect((await hello(link)).layers).toHaveLength(1)
})

it('refuses what a machine of another size has left', async () => {
  await suspend()
  const size = { ...defaultSize(builtin), memory: 384 * 2 ** 20 }
  const other = builtin.create({ dir, ...size, log: () => undefined })
  const report = other.start(() => undefined)
  await expect.poll(() => readdir(join(dir, 'suspended')).catch(() => [])).toEqual([])
  await other.kill()
  await expect(report).rejects.toThrow('stopped while it started')
  await start()
  expect(boot.kind).toBe('snapshot')
})

async function get(path: string): Promise<string> {
  const stream = link.open('dial', { network: 'tcp', address: '172.30.0.2:8080' })
  stream.end(`GET ${path} HTTP/1.0\r\n\r\n`)
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  return Buffer.concat(chunks).toString()
}

async function logOf(id: string): Promise<string> {
  const request = { id, stdout: true, stderr: true, tail: -1, follow: false, timestamps: false, raw: true }
  const chunks: Buffer[] = []
  for await (const chunk of link.open('logs', request)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** The guest's clock, in Unix milliseconds: the time at which a container's line was written just now. */
async function guestTime(): Promise<number> {
  const request = { id: 'worker', stdout: true, stderr: true, tail: 1, follow: false, timestamps: true, raw: true }
  const chunks: Buffer[] = []
  for await (const chunk of link.open('logs', request)) chunks.push(chunk as Buffer)
  return Date.parse(Buffer.concat(chunks).toString().split(' ')[0]!)
}
