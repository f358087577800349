/**
 * The qemu machine through the engine: one boot in QEMU without hardware virtualization, shared by all tests. They follow
 * one container from its start to the machine's death.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { MachineReport, SetAnswer } from '../../shared/machine'
import { startEngine, type OwnEngine } from '../kit/engine'
import { call } from '../kit/http'

let engine: OwnEngine

const report = async (): Promise<MachineReport> => (await call(engine, 'GET', '/berth/machine')).json()
const post = async (act: string, body?: object) => call(engine, 'POST', `/berth/machine/${act}`, body)

async function docker(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

beforeAll(async () => {
  engine = await startEngine({ machine: 'qemu' })
}, 600_000)
afterAll(() => engine.remove(), 60_000)

it('runs containers of 64-bit Linux, on ports of this computer', async () => {
  expect(await docker('run', '--rm', 'busybox', 'uname', '-m')).toBe('x86_64')
  const count =
    'mkdir /w; httpd -h /w; i=0; while :; do i=$((i+1)); echo $i; echo $i >/w/new; mv /w/new /w/n; sleep 0.2; done'
  await docker(
    'run',
    '-d',
    '--name',
    'counter',
    '--restart',
    'always',
    '-p',
    '127.0.0.1::80',
    'busybox',
    'sh',
    '-c',
    count,
  )
  expect((await report()).state).toBe('running')
})

const served = async (file: string): Promise<number> => {
  const address = (await docker('port', 'counter', '80')).split('\n')[0]!
  return Number(await (await fetch(`http://${address}/${file}`)).text())
}

it('sleeps without a process, and wakes at a connection with its containers where they were', async () => {
  for (let round = 0; round < 3; round++) {
    expect((await post('suspend')).status).toBe(200)
    const asleep = await report()
    expect(asleep).toMatchObject({ state: 'suspended', host: { pids: [], memory: 0 } })
    expect(asleep.host.suspended).toBeGreaterThan(0)
    // What stands in the database needs no guest.
    expect(await docker('ps', '--format', '{{.Names}}')).toBe('counter')
    expect((await report()).state).toBe('suspended')

    expect(await served('n')).toBeGreaterThan(0)
    expect(await report()).toMatchObject({ state: 'running', boot: { kind: 'resumed' }, host: { suspended: 0 } })
    const clock = Number(await docker('exec', 'counter', 'date', '+%s'))
    expect(Math.abs(clock - Date.now() / 1000)).toBeLessThan(3)
  }
  const numbers = (await docker('logs', 'counter')).split('\n').map(Number)
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
}, 300_000)

it('gives its disk more room while it runs, and never less', async () => {
  const before = (await report()).host.diskSize
  const grown: SetAnswer = (await post('set', { disk: before + 2 ** 30 })).json()
  expect(grown).toMatchObject({ live: ['disk'], restart: [], report: { host: { diskSize: before + 2 ** 30 } } })
  const usage: { diskTotal: number } = (await call(engine, 'GET', '/berth/machine/usage')).json()
  expect(usage.diskTotal).toBeGreaterThan(before * 0.95)
  const refused = await post('set', { disk: before })
  expect(refused.status).toBe(400)
  expect((refused.json() as { message: string }).message).toContain('can only grow')
})

it('starts anew from a damaged state, and says so', async () => {
  await post('suspend')
  const folder = join(engine.dataDir, 'qemu', 'machine')
  expect(readdirSync(folder)).toContain('memory.json')
  const bytes = readFileSync(join(folder, 'memory.bin'))
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(join(folder, 'memory.bin'), bytes)
  expect((await post('resume')).status).toBe(200)
  const { boot } = await report()
  expect(boot).toMatchObject({ kind: 'cold', note: expect.stringContaining('damaged') as string })
}, 300_000)

it('comes back when its process is killed, and its containers by their policies', async () => {
  const [pid] = (await report()).host.pids
  const restarted = engine.dockerLive('events', '--filter', 'container=counter', '--filter', 'event=start')
  process.kill(pid!, 'SIGKILL')
  await restarted.shows('start')
  restarted.process.kill()
  expect((await report()).host.pids).not.toContain(pid)
  expect(await docker('exec', 'counter', 'cat', '/w/n')).toMatch(/^\d+$/)
}, 300_000)
