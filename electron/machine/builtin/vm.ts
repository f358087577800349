/** The VM's process: one PC with its disk and its link. Started and told what to do by driver.ts. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stage } from '../machine'
import { createFrom, Disk } from './disk'
import { LinkFiles } from './link-files'
import type { FromVm, Outcome, Task, ToVm, VmOptions } from './messages'
import { optimized } from './native-code'
import { P9Server } from './p9'
import { commandLine, deviceLayout, makePc, type Pc } from './pc'
import {
  DamagedSnapshot,
  openSnapshot,
  removeSnapshot,
  saveSnapshot,
  snapshotKey,
  type OpenSnapshot,
  type Snapshot,
} from './snapshot'

/** How long a guest that was told to turn itself off may take, in milliseconds, before it is ended. */
const haltDeadline = 10_000

let stage: Stage = 'files'
let disk: Disk
let pc: Pc
let p9: P9Server
const guestIsReady = milestone()
const agentIsHere = milestone()
const guestIsOff = milestone()
const link = new LinkFiles(agentIsHere.reach)

/** Boots Linux with an empty disk, keeps a snapshot for all starts to come and ends. */
async function boot(options: VmOptions): Promise<void> {
  enter('vm', 'Booting Linux for the first time (about a minute)')
  await rm(options.diskFile, { force: true })
  await prepare(options)
  disk.recordWrites()
  enter('kernel', 'Starting the kernel')
  await pc.run()
  await guestIsReady.reached
  const template = await disk.template()
  enter('files', 'Keeping a snapshot for the next start')
  pc.forgetCode()
  await keep(options.snapshotDir, { ...(await pc.freeze()), disk: template, rehearsed: false }, options)
  await rm(options.diskFile)
  end({ type: 'kept' })
}

/**
 * Has the guest do once what every machine does and keeps a snapshot again, with the compiled code of what was rehearsed,
 * and of nothing else.
 */
async function rehearse(options: VmOptions): Promise<void> {
  await rm(options.diskFile, { force: true })
  const found = openSnapshot(options.snapshotDir, await keyFor(options))
  if ('reason' in found) return end({ type: 'noSnapshot', reason: found.reason })
  await createFrom(found.disk, options.diskFile, options.diskSize)
  await prepare(options, found)
  await listen(options.linkAddress)
  pc.forgetCode()
  enter('agent', 'Rehearsing the start of a container')
  await pc.run()
  pc.type('rehearse')
  await agentIsHere.reached
  send({ type: 'rehearsal' })
  await guestIsReady.reached
  enter('files', 'Compiling and keeping a snapshot for the next start')
  const frozen = await pc.freeze()
  const code = await optimized(frozen.code)
  await keep(options.snapshotDir, { ...frozen, code, disk: found.disk, rehearsed: true }, options)
  await rm(options.diskFile)
  end({ type: 'kept' })
}

/** Goes on where `suspend` or else where `boot` or `rehearse` has stopped: from here on the guest is this machine's own. */
async function resume(options: VmOptions): Promise<void> {
  await listen(options.linkAddress)
  if (existsSync(options.suspendedDir)) return goOn(options)
  const found = openSnapshot(options.snapshotDir, await keyFor(options))
  if ('reason' in found) return end({ type: 'noSnapshot', reason: found.reason })
  await createFrom(found.disk, options.diskFile, options.diskSize)
  enter('vm', 'Resuming Linux')
  await prepare(options, found)
  enter('disk', 'Mounting the data disk')
  await pc.run()
  // All other words stand on the kernel's command line. The clock is set by the engine's hello.
  pc.type(`seed=${randomBytes(32).toString('hex')} go`)
  await agentIsHere.reached
  send({ type: 'ready', from: found.rehearsed ? 'rehearsed' : 'snapshot' })
}

async function goOn(options: VmOptions): Promise<void> {
  onDamage = () => refuse(options, 'it is damaged')
  const found = openSnapshot(options.suspendedDir, await keyFor(options))
  if ('reason' in found) return refuse(options, 'it is of another version of Berth, or of a machine of another size')
  if (!existsSync(options.diskFile)) return refuse(options, 'the data disk is gone')
  enter('vm', 'Waking Linux')
  await prepare(options, found)
  // From here on the disk changes, and what was kept of the memory would not fit it any more.
  await rm(options.suspendedDir, { recursive: true })
  enter('agent', 'Waking the agent')
  await pc.run()
  await agentIsHere.reached
  send({ type: 'ready', from: 'suspended' })
}

async function refuse({ suspendedDir }: VmOptions, reason: string): Promise<void> {
  await rm(suspendedDir, { recursive: true, force: true })
  end({ type: 'refused', reason })
}

/** Keeps the running guest with all that runs in it, and ends. When that fails it goes on running. */
async function suspend(options: VmOptions): Promise<void> {
  enter('agent', 'Closing the link')
  link.rest()
  while (!p9.state) await sleep(10)
  enter('files', "Keeping the machine's memory")
  const frozen = await pc.freeze()
  try {
    await disk.flush()
    await keep(options.suspendedDir, { ...frozen, disk: new Uint8Array(0), rehearsed: true }, options)
  } catch (error) {
    await rm(options.suspendedDir, { recursive: true, force: true })
    link.wake()
    await pc.run()
    throw error
  }
  end({ type: 'kept' })
}

async function keep(dir: string, snapshot: Snapshot, options: VmOptions): Promise<void> {
  await saveSnapshot(dir, await keyFor(options), snapshot)
}

/** Tells how the task went and ends the process. */
function end(outcome: Outcome): void {
  send(outcome)
  process.disconnect()
}

/** The PC with its disk and its link, not running yet. */
async function prepare(options: VmOptions, snapshot?: OpenSnapshot): Promise<void> {
  const { files } = await manifestOf(options)
  disk = await Disk.open(options.diskFile, options.diskSize, (error) =>
    send({ type: 'log', line: `The data disk's file fails and is tried again every second: ${error.message}` }),
  )
  p9 = new P9Server(link.files)
  const parts = {
    guestDir: options.guestDir,
    initrd: Object.keys(files).find((name) => name.startsWith('initrd'))!,
    memory: options.memory,
    disk,
    p9,
    onConsole: readConsole,
    onHalt: () => {
      guestIsOff.reach()
      send({ type: 'halted' })
    },
  }
  pc = await makePc(parts, snapshot)
}

/** The guest's side of the talk in resources/guest/recipe/README.md. */
function readConsole(line: string): void {
  send({ type: 'log', line })
  if (line.endsWith('berth-guest: ready')) guestIsReady.reach()
  if (line.endsWith('berth-guest: starting')) enter('agent', 'Starting the agent')
  const [, failed, message] = /berth-guest: failed (\w+) (.*)/.exec(line) ?? []
  if (failed) send({ type: 'failed', stage: failed as Stage, message: message!, fix: "See the machine's log." })
}

/**
 * Takes connections to the agent. A machine whose socket answers has another engine that uses its disk. Asking so must
 * not disturb that engine: a connection counts only once it says something, which is what an engine does first.
 */
async function listen(address: string): Promise<void> {
  if (await answers(address)) throw new Error('another engine runs this machine')
  if (process.platform !== 'win32') {
    await mkdir(dirname(address), { recursive: true, mode: 0o700 })
    // Fails when the folder is another user's.
    await chmod(dirname(address), 0o700)
    await rm(address, { force: true })
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('readable', () => (socket.readableLength > 0 ? link.accept(socket) : socket.destroy()))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address, resolve))
  if (process.platform !== 'win32') await chmod(address, 0o600)
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address, () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

/** Ends the process once the guest has turned itself off, and with its disk flushed in any case. */
async function stop(): Promise<void> {
  const limit = new Promise<void>((resolve) => setTimeout(resolve, haltDeadline))
  await Promise.race([guestIsOff.reached, limit])
  await disk.flush()
  process.disconnect()
}

async function keyFor(options: VmOptions): Promise<string> {
  const { id } = await manifestOf(options)
  const { memory, diskSize } = options
  // Machine code is for one processor's kind and one V8.
  const program = `${process.arch} ${process.versions.v8}`
  return snapshotKey({ guest: id, deviceLayout, commandLine, memory, diskSize, program })
}

async function manifestOf({ guestDir }: VmOptions): Promise<{ id: string; files: Record<string, unknown> }> {
  return JSON.parse(await readFile(join(guestDir, 'manifest.json'), 'utf8'))
}

function enter(next: Stage, text: string): void {
  stage = next
  send({ type: 'stage', stage, text })
}

function send(message: FromVm): void {
  process.send?.(message)
}

/** What to do about a damaged snapshot, whether it shows when it is opened or when its code is first run. */
let onDamage = async (options: VmOptions): Promise<void> => {
  await removeSnapshot(options.snapshotDir, await keyFor(options))
  end({ type: 'noSnapshot', reason: 'the snapshot is damaged' })
}

async function fail(options: VmOptions, error: Error): Promise<void> {
  if (error instanceof DamagedSnapshot) return onDamage(options)
  send({ type: 'failed', stage, message: error.message, fix: "See the machine's log." })
}

/** Something that happens once and that others wait for. */
function milestone(): { reached: Promise<void>; reach: () => void } {
  let reach: () => void = () => undefined
  const reached = new Promise<void>((resolve) => (reach = resolve))
  return { reached, reach }
}

const tasks: Record<Task, (options: VmOptions) => Promise<void>> = { boot, rehearse, resume, suspend }

process.on('message', (message: ToVm) => {
  switch (message.type) {
    case 'stop':
      return void stop()
    case 'usage': {
      const { user, system } = process.cpuUsage()
      const usage = { memory: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 }
      return send({ type: 'usage', id: message.id, usage })
    }
    default: {
      const failed = (error: Error) => void fail(message.options, error)
      process.removeAllListeners('uncaughtException').on('uncaughtException', failed)
      tasks[message.type](message.options).catch(failed)
    }
  }
})
// The channel closes when the engine ends, however it ends: no VM outlives it.
process.on('disconnect', () => process.exit(0))
