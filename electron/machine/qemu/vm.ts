import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { chmod, mkdir, open, readFile, stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { guestImage } from '../files'
import {
  MachineError,
  type BootReport,
  type HostUsage,
  type Machine,
  type MachineOptions,
  type MachineSize,
  type Stage,
  type StageReport,
} from '../machine'
import { commandLine, deviceLayout } from './command-line'
import { findQemu, type Qemu } from './find'
import { addressesOf } from './places'
import { Qmp } from './qmp'
import { SavedMemory, type Facts } from './saved'
import { usageOf } from './usage'

/** How long a stage may take on a slow, busy computer, in milliseconds, before the start is given up. */
const deadlines: Partial<Record<Stage, number>> = { vm: 60_000, kernel: 180_000, disk: 120_000, agent: 120_000 }
const defaultDeadline = 60_000
/** How long QEMU may take to end once the guest has turned itself off, in milliseconds. */
const stopDeadline = 20_000
/** How long the agent may take to see that a link has ended, and how long to wait between two looks, in milliseconds. */
const portDeadline = 20_000
const portPause = 20
const migrationBandwidth = 64 * 2 ** 30

/** One run of the VM. What is told in machine.ts holds; QEMU's process is `process`, its control `control`. */
export class QemuMachine implements Machine {
  readonly driver = 'qemu'
  private readonly saved: SavedMemory
  private process: ChildProcess | undefined
  private pid = 0
  private control: Qmp | undefined
  private console: Socket | undefined
  /** The agent may still be in the session of a link that has ended. */
  private linked = false
  private facts: Facts = {}
  /** Set by `stop`, `suspend` and `kill`: the end of the process is no surprise then. */
  private ending = false
  private readonly exitListeners: ((reason: string) => void)[] = []

  constructor(private readonly options: MachineOptions) {
    this.saved = new SavedMemory(options.dir, this.diskFile)
  }

  async start(onStage: (report: StageReport) => void): Promise<BootReport> {
    const begun = performance.now()
    const steps = new Steps(onStage)
    try {
      const boot = await Promise.race([this.boot(steps), steps.overdue])
      return { ...boot, ms: Math.round(performance.now() - begun) }
    } catch (error) {
      const ended = this.ending
      await this.kill()
      if (ended) throw new MachineError('vm', 'the machine was stopped while it started', 'Start it again.')
      if (error instanceof MachineError) throw error
      throw new MachineError(steps.now, (error as Error).message, "See the machine's log.", { cause: error })
    } finally {
      steps.end()
    }
  }

  async connect(): Promise<Duplex> {
    await this.unlinked()
    const link = await opened(connect(addressesOf(this.options.dir).addresses.link))
    this.linked = true
    return link
  }

  async hostUsage(): Promise<HostUsage> {
    const [disk, process_, suspended] = await Promise.all([
      stat(this.diskFile).catch(() => undefined),
      this.alive ? usageOf(this.pid) : { memory: 0, cpuMs: 0 },
      this.saved.bytes(),
    ])
    return {
      pids: this.alive ? [this.pid] : [],
      ...process_,
      diskAllocated: disk ? disk.blocks * 512 : 0,
      diskSize: disk?.size ?? this.options.disk,
      suspended,
    }
  }

  async suspend(): Promise<void> {
    const control = this.control!
    const { addresses } = addressesOf(this.options.dir)
    await this.unlinked()
    await control.execute('stop')
    try {
      await control.execute('migrate-set-parameters', { 'max-bandwidth': migrationBandwidth })
      const written = await this.saved.take(addresses.memory, () =>
        control.migrated(() => control.execute('migrate', { uri: `unix:${addresses.memory}` })),
      )
      this.ending = true
      await this.quit()
      await this.saved.seal(this.facts, written)
    } catch (error) {
      await this.saved.remove()
      const { message } = error as Error
      if (!this.alive) throw new MachineError('vm', `the machine could not be suspended: ${message}`, 'Start it again.')
      this.ending = false
      await control.execute('cont')
      throw new MachineError('vm', `the machine could not be suspended: ${message}`, 'Make room on the disk.')
    }
  }

  async resize({ disk }: Partial<MachineSize>): Promise<void> {
    if (disk !== undefined) await this.control!.execute('block_resize', { 'node-name': 'disk', size: disk })
  }

  async stop(): Promise<void> {
    this.ending = true
    if (!this.alive) return
    const timer = sleep(stopDeadline, 'late')
    if ((await Promise.race([this.control!.closed, timer])) === 'late') await this.kill()
    await this.left()
  }

  async kill(): Promise<void> {
    this.ending = true
    if (this.process) this.process.kill('SIGKILL')
    else if (this.alive) process.kill(this.pid, 'SIGKILL')
    await this.left()
  }

  onExit(listener: (reason: string) => void): void {
    this.exitListeners.push(listener)
  }

  private get diskFile(): string {
    return join(this.options.dir, 'data.img')
  }

  private get alive(): boolean {
    return this.control !== undefined
  }

  private async boot(steps: Steps): Promise<Omit<BootReport, 'ms'>> {
    steps.enter('files', 'Looking for QEMU and the guest image')
    const { dir } = this.options
    const { folder, addresses } = addressesOf(dir)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    if (folder) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      // Fails when the folder is another user's.
      await chmod(folder, 0o700)
    }
    const qemu = await missing(findQemu(), 'Install QEMU, or choose another machine.')
    const guestDir = guestImage(qemu.guest)
    const manifest = await missing(manifestOf(guestDir), `Run npm run guest -- --arch ${qemu.guest}, then start again.`)
    await endLeftOver(addresses.control)
    await makeDisk(this.diskFile, this.options.disk)
    this.facts = this.factsOf(qemu, manifest.id)

    const saved = await this.saved.check(this.facts)
    const note = typeof saved === 'object' ? refusal(saved.reason) : undefined
    if (saved === 'ok') {
      steps.enter('vm', 'Resuming Linux')
      try {
        await this.launch(qemu, guestDir, manifest.initrd, true)
        await this.wake()
        return { kind: 'resumed' }
      } catch (error) {
        if (this.ending) throw error
        await this.saved.remove()
        await this.quit()
        return this.coldBoot(steps, qemu, guestDir, manifest.initrd, refusal((error as Error).message))
      }
    }
    if (note) await this.saved.remove()
    return this.coldBoot(steps, qemu, guestDir, manifest.initrd, note)
  }

  private async coldBoot(
    steps: Steps,
    qemu: Qemu,
    guestDir: string,
    initrd: string,
    note: string | undefined,
  ): Promise<Omit<BootReport, 'ms'>> {
    steps.enter('vm', 'Starting QEMU')
    await this.launch(qemu, guestDir, initrd, false)
    steps.enter('kernel', 'Starting Linux')
    const up = this.followConsole(steps)
    await this.control!.execute('cont')
    await Promise.race([up, this.control!.closed.then(() => Promise.reject(new Error('QEMU has ended')))])
    return { kind: 'cold', ...(note && { note }) }
  }

  /** Starts QEMU, with the guest waiting, and connects to its control and its console. */
  private async launch(qemu: Qemu, guestDir: string, initrd: string, resume: boolean): Promise<void> {
    const { dir, cpus, memory, swap, disk } = this.options
    const { addresses } = addressesOf(dir)
    const size = { cpus, memory, swap, disk }
    const words = commandLine(qemu, { ...size, guestDir, initrd, diskFile: this.diskFile, addresses, resume })
    const noteFile = join(dir, 'qemu.log')
    const notes = openSync(noteFile, 'w', 0o600)
    // The terminal's ^C is for the engine, which then ends the guest cleanly.
    const child = spawn(qemu.program, words, { stdio: ['ignore', notes, notes], detached: true, windowsHide: true })
    closeSync(notes)
    this.process = child
    let ended: string | undefined
    child.on('error', (error) => (ended = error.message))
    child.on('exit', (code, signal) => (ended = signal ?? `exit code ${code}`))
    child.unref()
    let control: Qmp | undefined
    while (!(control = await Qmp.connect(addresses.control).catch(() => undefined))) {
      if (ended !== undefined)
        throw new Error(`QEMU did not start (${ended}): ${(await readFile(noteFile, 'utf8')).trim()}`)
      await sleep(5)
    }
    this.control = control
    this.pid = child.pid!
    this.console = await opened(connect(addresses.console))
    onLines(this.console, (line) => this.options.log(line))
    let off = false
    control.onEvent((event) => (off ||= event === 'SHUTDOWN'))
    void control.closed.then(() => {
      if (this.control === control) this.control = undefined
      this.console?.destroy()
      if (this.ending) return
      const reason = off ? 'the guest turned itself off' : `QEMU ended${ended ? ` (${ended})` : ''}`
      for (const listener of this.exitListeners) listener(reason)
    })
  }

  /** The guest goes on from its saved memory, which can't be used again then. */
  private async wake(): Promise<void> {
    const control = this.control!
    const { memory } = addressesOf(this.options.dir).addresses
    let given: Promise<void> = Promise.resolve()
    const arrived = control.migrated(async () => {
      await control.execute('migrate-incoming', { uri: `unix:${memory}` })
      given = this.saved.give(memory)
      given.catch(() => undefined)
    })
    // What is wrong with the bytes says more than that QEMU did not take them.
    await arrived.catch(async (error: unknown) => {
      await given
      throw error
    })
    await this.saved.invalidate()
    await control.execute('cont')
    await this.saved.remove()
  }

  /** Resolves when the agent starts; rejects with the guest's words when it fails. */
  private followConsole(steps: Steps): Promise<void> {
    return new Promise((resolve, reject) => {
      onLines(this.console!, (line) => {
        if (line.endsWith('berth-guest: ready')) steps.enter('disk', 'Mounting the data disk')
        if (line.endsWith('berth-guest: starting')) resolve()
        const [, stage, message] = /berth-guest: failed (\w+) (.*)/.exec(line) ?? []
        if (stage) reject(new MachineError(stage as Stage, message!, "See the machine's log."))
      })
    })
  }

  private factsOf(qemu: Qemu, guest: string): Facts {
    const { cpus: count, memory } = this.options
    return {
      'guest image': guest,
      'version of Berth': deviceLayout,
      'version of QEMU': qemu.version,
      'way to run it': qemu.accelerator,
      processor: qemu.accelerator === 'tcg' ? qemu.guest : (cpus()[0]?.model ?? ''),
      'number of processors': count,
      'size of the memory': memory,
    }
  }

  /**
   * Waits until the agent has seen the end of the link before this one. One that follows at once would go unnoticed, and
   * the agent would take the new session for the old one.
   */
  private async unlinked(): Promise<void> {
    for (let waited = 0; this.linked; waited += portPause) {
      const devices = await this.control!.execute<{ label: string; 'frontend-open': boolean }[]>('query-chardev')
      this.linked = devices.some((device) => device.label === 'link' && device['frontend-open'])
      if (waited > portDeadline) throw new Error('the agent holds on to a link that has ended')
      if (this.linked) await sleep(portPause)
    }
  }

  private async quit(): Promise<void> {
    this.ending = true
    await this.control?.execute('quit').catch(() => undefined)
    await this.left()
    this.ending = false
  }

  private async left(): Promise<void> {
    const { process: child } = this
    await this.control?.closed
    this.control = undefined
    if (child && child.exitCode === null && child.signalCode === null)
      await new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  }
}

const refusal = (reason: string) => `The suspended machine could not go on, so Linux was started anew: ${reason}.`

async function missing<T>(found: Promise<T>, fix: string): Promise<T> {
  return found.catch((error: unknown) => {
    throw new MachineError('files', (error as Error).message, fix, { cause: error })
  })
}

async function manifestOf(guestDir: string): Promise<{ id: string; initrd: string }> {
  const text = await readFile(join(guestDir, 'manifest.json'), 'utf8').catch(() => {
    throw new Error(`the guest image is missing in ${guestDir}`)
  })
  const { id, files } = JSON.parse(text) as { id: string; files: Record<string, unknown> }
  return { id, initrd: Object.keys(files).find((name) => name.startsWith('initrd'))! }
}

/** A QEMU whose engine was killed: no one else can use its disk, and we hold this data dir's lock. */
async function endLeftOver(control: string): Promise<void> {
  const qmp = await Qmp.connect(control).catch(() => undefined)
  if (!qmp) return
  void qmp.execute('quit').catch(() => undefined)
  await qmp.closed
}

/** A sparse file; one that is smaller grows, one that is larger keeps its size. */
async function makeDisk(path: string, size: number): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    const { size: present } = await file.stat()
    if (present < size) await file.truncate(size)
  } finally {
    await file.close()
  }
}

function onLines(input: Socket, take: (line: string) => void): void {
  createInterface({ input })
    .on('line', take)
    .on('error', () => undefined)
}

function opened(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

/** The stages of a start, each with its deadline. */
class Steps {
  now: Stage = 'files'
  /** Rejects when a stage takes too long. */
  readonly overdue: Promise<never>
  private timer: NodeJS.Timeout | undefined
  private fail: (error: MachineError) => void = () => undefined

  constructor(private readonly onStage: (report: StageReport) => void) {
    this.overdue = new Promise((_, reject) => (this.fail = reject))
    this.overdue.catch(() => undefined)
  }

  enter(stage: Stage, text: string): void {
    this.now = stage
    clearTimeout(this.timer)
    const limit = deadlines[stage] ?? defaultDeadline
    const late = new MachineError(
      stage,
      `no progress for ${limit / 1000} seconds`,
      'Close other busy programs and start again.',
    )
    this.timer = setTimeout(() => this.fail(late), limit)
    this.onStage({ stage, text })
  }

  end(): void {
    clearTimeout(this.timer)
  }
}
