/** The VM's process: one PC with its disk and its link. Started and told what to do by driver.ts. */
import { randomBytes } from 'node:crypto'
import { chmod, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Stage } from '../machine'
import { createFrom, Disk } from './disk'
import { LinkFiles } from './link-files'
import type { FromVm, ToVm, VmOptions } from './messages'
import { P9Server } from './p9'
import { commandLine, deviceLayout, startPc, type Pc } from './pc'
import { DamagedSnapshot, openSnapshot, removeSnapshot, saveSnapshot, snapshotKey, type OpenSnapshot } from './snapshot'

/** How long a guest that was told to turn itself off may take, in milliseconds, before it is ended. */
const haltDeadline = 10_000

let stage: Stage = 'files'
let disk: Disk | undefined
const guestIsUp = milestone()
const guestHasRehearsed = milestone()
let timesReady = 0
const agentIsHere = milestone()
const guestIsOff = milestone()

/**
 * Boots Linux with an empty disk, has it do once what every machine does, keeps a snapshot for all starts to come and
 * ends. The snapshot holds the compiled code of all that was rehearsed, and of nothing else.
 */
async function boot(options: VmOptions): Promise<void> {
  enter('vm', 'Booting Linux for the first time (a few minutes)')
  const emptyDisk = `${options.diskFile}.boot`
  await rm(emptyDisk, { force: true })
  const link = new LinkFiles(agentIsHere.reach)
  await listen(link, options.linkAddress)
  const pc = await makePc({ ...options, diskFile: emptyDisk }, link)
  disk!.recordWrites()
  enter('kernel', 'Starting the kernel')
  await guestIsUp.reached
  const template = await disk!.template()
  enter('agent', 'Rehearsing the start of a container')
  pc.forgetCode()
  pc.type('rehearse')
  await agentIsHere.reached
  send({ type: 'rehearsal' })
  await guestHasRehearsed.reached
  enter('files', 'Compiling and keeping a snapshot for the next start')
  const frozen = await pc.freeze()
  await saveSnapshot(options.snapshotDir, await keyFor(options), { ...frozen, disk: template })
  await rm(emptyDisk)
  send({ type: 'booted' })
  process.disconnect()
}

/** Goes on where `boot` has stopped: from here on the guest is this machine's own. */
async function resume(options: VmOptions): Promise<void> {
  const key = await keyFor(options)
  const link = new LinkFiles(agentIsHere.reach)
  await listen(link, options.linkAddress)
  try {
    const found = openSnapshot(options.snapshotDir, key)
    if ('reason' in found) return endWithout(found.reason)
    await createFrom(found.disk, options.diskFile, options.diskSize)
    enter('vm', 'Resuming Linux')
    const pc = await makePc(options, link, found)
    enter('disk', 'Mounting the data disk')
    // All other words stand on the kernel's command line. The clock is set by the engine's hello.
    pc.type(`seed=${randomBytes(32).toString('hex')} go`)
  } catch (error) {
    if (!(error instanceof DamagedSnapshot)) throw error
    await removeSnapshot(options.snapshotDir, key)
    return endWithout(error.message)
  }
  await agentIsHere.reached
  send({ type: 'ready' })
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
  if (line.endsWith('berth-guest: ready')) (++timesReady === 1 ? guestIsUp : guestHasRehearsed).reach()
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
  if (process.platform !== 'win32') await rm(address, { force: true })
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

function fail(error: Error): void {
  send({ type: 'failed', stage, message: error.message, fix: "See the machine's log." })
}

/** Something that happens once and that others wait for. */
function milestone(): { reached: Promise<void>; reach: () => void } {
  let reach: () => void = () => undefined
  const reached = new Promise<void>((resolve) => (reach = resolve))
  return { reached, reach }
}

process.on('message', (message: ToVm) => {
  switch (message.type) {
    case 'boot':
      return void boot(message.options).catch(fail)
    case 'resume':
      return void resume(message.options).catch(fail)
    case 'stop':
      return void stop().catch(fail)
    case 'usage': {
      const { user, system } = process.cpuUsage()
      const usage = { memory: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 }
      return send({ type: 'usage', id: message.id, usage })
    }
  }
})
// The channel closes when the engine ends, however it ends: no VM outlives it.
process.on('disconnect', () => process.exit(0))
