/** The VM's process: one PC with its disk and its link. Started and told what to do by driver.ts. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Stage } from '../machine'
import { createFrom, Disk } from './disk'
import { LinkFiles } from './link-files'
import type { FromVm, Task, ToVm, VmOptions } from './messages'
import { optimized } from './native-code'
import { P9Server } from './p9'
import { commandLine, deviceLayout, startPc, type Pc } from './pc'
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
let disk: Disk | undefined
const guestIsReady = milestone()
const agentIsHere = milestone()
const guestIsOff = milestone()

/** Boots Linux with an empty disk, keeps a snapshot for all starts to come and ends. */
async function boot(options: VmOptions): Promise<void> {
  enter('vm', 'Booting Linux for the first time (about a minute)')
  await rm(options.diskFile, { force: true })
  const pc = await makePc(options, new LinkFiles(agentIsHere.reach))
  disk!.recordWrites()
  enter('kernel', 'Starting the kernel')
  await guestIsReady.reached
  const template = await disk!.template()
  enter('files', 'Keeping a snapshot for the next start')
  pc.forgetCode()
  await keep({ ...(await pc.freeze()), disk: template, rehearsed: false }, options)
}

/**
 * Has the guest do once what every machine does and keeps a snapshot again, with the compiled code of what was rehearsed,
 * and of nothing else.
 */
async function rehearse(options: VmOptions): Promise<void> {
  const link = new LinkFiles(agentIsHere.reach)
  await listen(link, options.linkAddress)
  await rm(options.diskFile, { force: true })
  const found = openSnapshot(options.snapshotDir, await keyFor(options))
  if ('reason' in found) return endWithout(found.reason)
  await createFrom(found.disk, options.diskFile, options.diskSize)
  const pc = await makePc(options, link, found)
  pc.forgetCode()
  enter('agent', 'Rehearsing the start of a container')
  pc.type('rehearse')
  await agentIsHere.reached
  send({ type: 'rehearsal' })
  await guestIsReady.reached
  enter('files', 'Compiling and keeping a snapshot for the next start')
  const frozen = await pc.freeze()
  await keep({ ...frozen, code: await optimized(frozen.code), disk: found.disk, rehearsed: true }, options)
}

async function keep(snapshot: Snapshot, options: VmOptions): Promise<void> {
  await saveSnapshot(options.snapshotDir, await keyFor(options), snapshot)
  await rm(options.diskFile)
  send({ type: 'kept' })
  process.disconnect()
}

/** Goes on where `boot` or `rehearse` has stopped: from here on the guest is this machine's own. */
async function resume(options: VmOptions): Promise<void> {
  const link = new LinkFiles(agentIsHere.reach)
  await listen(link, options.linkAddress)
  const found = openSnapshot(options.snapshotDir, await keyFor(options))
  if ('reason' in found) return endWithout(found.reason)
  await createFrom(found.disk, options.diskFile, options.diskSize)
  enter('vm', 'Resuming Linux')
  const pc = await makePc(options, link, found)
  enter('disk', 'Mounting the data disk')
  // All other words stand on the kernel's command line. The clock is set by the engine's hello.
  pc.type(`seed=${randomBytes(32).toString('hex')} go`)
  await agentIsHere.reached
  send({ type: 'ready', rehearsed: found.rehearsed })
}

function endWithout(reason: string): void {
  send({ type: 'noSnapshot', reason })
  process.disconnect()
}

async function makePc(options: VmOptions, link: LinkFiles, snapshot?: OpenSnapshot): Promise<Pc> {
  const { files } = await manifestOf(options)
  disk = await Disk.open(options.diskFile, options.diskSize, (error) =>
    send({ type: 'log', line: `The data disk's file fails and is tried again every second: ${error.message}` }),
  )
  const parts = {
    guestDir: options.guestDir,
    initrd: Object.keys(files).find((name) => name.startsWith('initrd'))!,
    memory: options.memory,
    disk,
    p9: new P9Server(link.files),
    onConsole: readConsole,
    onHalt: () => {
      guestIsOff.reach()
      send({ type: 'halted' })
    },
  }
  return startPc(parts, snapshot)
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
async function listen(link: LinkFiles, address: string): Promise<void> {
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
  await disk?.flush()
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

/** A damaged snapshot is removed, whether it shows at the start or when its code is first run: the next start boots anew. */
async function fail(options: VmOptions, error: Error): Promise<void> {
  if (error instanceof DamagedSnapshot) {
    await removeSnapshot(options.snapshotDir, await keyFor(options))
    return endWithout(error.message)
  }
  send({ type: 'failed', stage, message: error.message, fix: "See the machine's log." })
}

/** Something that happens once and that others wait for. */
function milestone(): { reached: Promise<void>; reach: () => void } {
  let reach: () => void = () => undefined
  const reached = new Promise<void>((resolve) => (reach = resolve))
  return { reached, reach }
}

const tasks: Record<Task, (options: VmOptions) => Promise<void>> = { boot, rehearse, resume }

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
      process.on('uncaughtException', failed)
      tasks[message.type](message.options).catch(failed)
    }
  }
})
// The channel closes when the engine ends, however it ends: no VM outlives it.
process.on('disconnect', () => process.exit(0))
