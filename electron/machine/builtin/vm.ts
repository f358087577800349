/** The VM's process: one PC, its disk, its network and the link to the agent. Started and told what to do by driver.ts. */
import { randomBytes } from 'node:crypto'
import { chmod, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Stage } from '../machine'
import { Disk } from './disk'
import { LinkFiles } from './link-files'
import type { FromVm, ToVm, VmOptions } from './messages'
import { P9Server } from './p9'
import { commandLine, deviceLayout, startPc, type Pc } from './pc'
import { loadSnapshot, saveSnapshot, snapshotKey } from './snapshot'

/** The guest stays quiet for this long after a poweroff that nothing follows. */
const haltDeadline = 10_000

let stage: Stage = 'files'
let disk: Disk | undefined
let halted = false
const haltWaiters: (() => void)[] = []

function send(message: FromVm): void {
  process.send?.(message)
}

function enter(next: Stage, text: string): void {
  stage = next
  send({ type: 'stage', stage, text })
}

async function start(options: VmOptions): Promise<void> {
  const manifest = JSON.parse(await readFile(join(options.guestDir, 'manifest.json'), 'utf8'))
  disk = await Disk.open(options.diskFile, options.diskSize, (error) =>
    send({ type: 'log', line: `The data disk's file fails, tried again every second: ${error.message}` }),
  )
  let agentIsHere: () => void
  const agent = new Promise<void>((resolve) => (agentIsHere = resolve))
  const link = new LinkFiles(() => agentIsHere())
  await listen(link, options.linkAddress)

  const key = snapshotKey({
    guest: manifest.id,
    layout: deviceLayout,
    commandLine,
    memory: options.memory,
    diskSize: disk.byteLength,
  })
  const found = await loadSnapshot(options.snapshotDir, key)
  const kind = 'state' in found ? 'snapshot' : 'cold'
  if ('state' in found) enter('vm', 'Resuming Linux from its snapshot')
  else enter('vm', `Booting Linux for the first time, which takes up to half a minute (${found.reason})`)

  let guestIsUp: () => void
  const up = new Promise<void>((resolve) => (guestIsUp = resolve))
  const onConsole = (line: string) => {
    send({ type: 'log', line })
    if (line.endsWith('berth-guest: ready')) guestIsUp()
    if (line.includes('berth-guest: starting')) enter('agent', 'Starting the agent')
    const [, failed, message] = /berth-guest: failed (\w+) (.*)/.exec(line) ?? []
    if (failed) send({ type: 'failed', stage: failed as Stage, message: message!, fix: 'See the log of the machine.' })
  }
  const onHalt = () => {
    halted = true
    for (const resolve of haltWaiters) resolve()
    send({ type: 'halted' })
  }

  const pc = await startPc({
    guestDir: options.guestDir,
    initrd: Object.keys(manifest.files).find((name) => name.startsWith('initrd'))!,
    memory: options.memory,
    disk,
    p9: new P9Server(link.files),
    state: 'state' in found ? found.state : undefined,
    onConsole,
    onHalt,
  })
  if (kind === 'cold') {
    enter('kernel', 'The kernel starts')
    await up
    await keepSnapshot(pc, options.snapshotDir, key)
  }
  enter('disk', 'Mounting the data disk')
  // All other words stand on the kernel's command line. The clock is set by the engine's hello.
  pc.type(`seed=${randomBytes(32).toString('hex')} go`)
  await agent
  send({ type: 'ready', kind })
}

/** A guest that can't be kept for next time still works now. */
async function keepSnapshot(pc: Pc, dir: string, key: string): Promise<void> {
  const state = (await pc.emulator.save_state()) as ArrayBuffer
  void saveSnapshot(dir, key, state).then(
    () => send({ type: 'log', line: `Snapshot kept: ${Math.round(state.byteLength / 1e6)} MB` }),
    (error: Error) => send({ type: 'log', line: `The snapshot could not be kept: ${error.message}` }),
  )
}

async function listen(link: LinkFiles, address: string): Promise<void> {
  if (process.platform !== 'win32') await rm(address, { force: true })
  const server = createServer((socket) => link.accept(socket))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address, resolve))
  if (process.platform !== 'win32') await chmod(address, 0o600)
}

async function stop(): Promise<void> {
  if (!halted) {
    await Promise.race([
      new Promise<void>((resolve) => haltWaiters.push(resolve)),
      new Promise<void>((resolve) => setTimeout(resolve, haltDeadline)),
    ])
  }
  await disk?.flush()
  send({ type: 'stopped' })
  process.disconnect()
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  send({ type: 'failed', stage, message, fix: 'See the log of the machine.' })
}

process.on('message', (message: ToVm) => {
  switch (message.type) {
    case 'start':
      void start(message.options).catch(fail)
      break
    case 'stop':
      void stop().catch(fail)
      break
    case 'usage': {
      const { user, system } = process.cpuUsage()
      const usage = { memory: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 }
      send({ type: 'usage', id: message.id, usage })
    }
  }
})
// The channel closes when the engine ends, however it ends: no VM outlives it.
process.on('disconnect', () => process.exit(0))
