import { fork, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import {
  MachineError,
  type BootReport,
  type Driver,
  type HostUsage,
  type Machine,
  type MachineOptions,
  type ProbeResult,
  type SizeName,
  type SizeRule,
  type Stage,
  type StageReport,
} from '../machine'
import { Link } from '../link'
import type { FromVm, Outcome, ToVm, VmUsage } from './messages'
import { defaultPlaces, linkAddress, type BuiltinPlaces } from './places'
import { rehearse } from './rehearsal'

const mebibyte = 1024 * 1024
const defaultMemory = 512 * mebibyte
/** 64 GiB of 512-byte sectors are well inside the 2^28 that the emulated drive's 28-bit commands reach. */
const defaultDisk = 64 * 1024 * mebibyte

/** How long a stage may take on a slow, busy computer, in milliseconds, before the start is given up. */
const deadlines: Partial<Record<Stage, number>> = { files: 300_000, kernel: 600_000, disk: 120_000, agent: 600_000 }
const defaultDeadline = 60_000
const stopDeadline = 20_000

/** The driver with its files at the places that are found when it is used. */
export function builtinAt(find: () => BuiltinPlaces): Driver {
  return {
    name: 'builtin',
    features: {
      hostBinds: false,
      hostNetwork: false,
      survivesEngine: false,
      suspend: false,
      snapshots: false,
      shell: true,
    },
    probe: () => probe(find),
    sizes,
    create: (options) => new BuiltinMachine(options, find),
  }
}

/** A Linux VM emulated in WebAssembly: works on every system and processor that Node runs on, without any rights. */
export const builtin: Driver = builtinAt(defaultPlaces)

async function probe(find: () => BuiltinPlaces): Promise<ProbeResult> {
  if (typeof WebAssembly === 'undefined') return { ok: false, reason: 'this Node has no WebAssembly' }
  try {
    if (!existsSync(join(find().guestDir, 'manifest.json')))
      return { ok: false, reason: 'the guest image is missing: run npm run guest' }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  }
  return { ok: true, detail: 'Linux emulated in WebAssembly: one 32-bit processor' }
}

const oneProcessor = { never: 'the emulated computer has one processor' }
const fixed = { never: 'the snapshot that it starts from was made with this' }

function sizes(): Record<SizeName, SizeRule> {
  return {
    cpus: { default: 1, min: 1, max: 1, change: oneProcessor },
    // A snapshot fits one size of memory and of disk: the first start with others boots from scratch.
    memory: { default: defaultMemory, min: 256 * mebibyte, max: 2048 * mebibyte, change: 'restart' },
    swap: { default: 0, min: 0, max: 0, change: fixed },
    disk: { default: defaultDisk, min: 1024 * mebibyte, max: 128 * 1024 * mebibyte, change: 'restart' },
  }
}

class BuiltinMachine implements Machine {
  readonly driver = 'builtin'
  private vm?: ChildProcess
  /** Set by `stop` and `kill`: the end of the process is no surprise then. */
  private ending = false
  private readonly exitListeners: ((reason: string) => void)[] = []
  private readonly usageWaiters = new Map<number, (usage: VmUsage) => void>()
  private nextUsage = 1
  private guestPoweredOff = false

  constructor(
    private readonly options: MachineOptions,
    private readonly find: () => BuiltinPlaces,
  ) {}

  async start(onStage: (report: StageReport) => void): Promise<BootReport> {
    const startedAt = performance.now()
    onStage({ stage: 'files', text: 'Looking at the guest image' })
    const found = await probe(this.find)
    if (!found.ok) throw new MachineError('files', found.reason, 'Run npm run guest, then start again.')
    await mkdir(this.options.dir, { recursive: true, mode: 0o700 })
    if (process.platform !== 'win32') {
      await mkdir(dirname(this.linkAddress), { recursive: true, mode: 0o700 })
      // Fails when the folder is another user's.
      await chmod(dirname(this.linkAddress), 0o700)
    }
    try {
      let outcome = await this.run('resume', onStage)
      const kind = outcome.type === 'noSnapshot' ? 'cold' : 'snapshot'
      if (outcome.type === 'noSnapshot') {
        this.options.log(`Linux boots from scratch: ${outcome.reason}`)
        await this.run('boot', onStage)
        outcome = await this.run('resume', onStage)
      }
      if (outcome.type !== 'ready') throw new MachineError('files', 'the snapshot was not kept', 'Start it again.')
      return { kind, ms: Math.round(performance.now() - startedAt) }
    } catch (error) {
      await this.kill()
      throw error
    }
  }

  async connect(): Promise<Duplex> {
    const socket = connect(this.linkAddress)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return socket
  }

  async hostUsage(): Promise<HostUsage> {
    const file = await stat(this.diskFile).catch(() => undefined)
    const vm = this.liveVm()
    const usage = vm ? await this.askUsage(vm) : { memory: 0, cpuMs: 0 }
    return {
      pids: vm ? [vm.pid!] : [],
      ...usage,
      diskAllocated: file ? file.blocks * 512 : 0,
      diskSize: file?.size ?? this.options.disk,
      suspended: 0,
    }
  }

  async stop(): Promise<void> {
    this.ending = true
    const vm = this.liveVm()
    if (!vm) return
    tell(vm, { type: 'stop' })
    if (!(await exited(vm, stopDeadline))) await this.kill()
  }

  async kill(): Promise<void> {
    this.ending = true
    const vm = this.liveVm()
    vm?.kill('SIGKILL')
    if (vm) await exited(vm)
  }

  onExit(listener: (reason: string) => void): void {
    this.exitListeners.push(listener)
  }

  private get linkAddress(): string {
    return linkAddress(this.options.dir)
  }

  private get diskFile(): string {
    return join(this.options.dir, 'data.img')
  }

  private liveVm(): ChildProcess | undefined {
    return this.vm && this.vm.exitCode === null && this.vm.signalCode === null ? this.vm : undefined
  }

  /**
   * Starts the VM's process with a task and follows its stages to the outcome; rejects with a MachineError. A process
   * whose outcome is 'ready' goes on, any other has ended by then.
   */
  private async run(task: 'boot' | 'resume', onStage: (report: StageReport) => void): Promise<Outcome> {
    if (this.ending) throw stoppedEarly()
    // Machine code in a snapshot fits only a process with no other options of Node's.
    const vm = fork(this.find().vmScript, [], { execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.vm = vm
    for (const stream of [vm.stdout!, vm.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.options.log(text.trimEnd()))
    }
    vm.on('message', (message: FromVm) => this.receive(vm, message))
    const outcome = await this.outcome(vm, task, onStage)
    if (outcome.type === 'ready') vm.once('exit', (code, signal) => this.exited(signal ?? `exit code ${code}`))
    else await exited(vm)
    return outcome
  }

  private outcome(
    vm: ChildProcess,
    task: 'boot' | 'resume',
    onStage: (report: StageReport) => void,
  ): Promise<Exclude<Outcome, { type: 'failed' }>> {
    return new Promise((resolve, reject) => {
      let stage: Stage = 'files'
      let timer: NodeJS.Timeout
      const fail = (message: string, fix: string) => {
        clearTimeout(timer)
        reject(this.ending ? stoppedEarly() : new MachineError(stage, message, fix))
      }
      const enter = (next: Stage) => {
        stage = next
        clearTimeout(timer)
        const limit = deadlines[stage] ?? defaultDeadline
        const text = `no progress for ${limit / 1000} seconds`
        timer = setTimeout(() => fail(text, 'Close other busy programs and start again.'), limit)
      }
      enter('files')
      vm.on('error', (error) => fail(error.message, 'Install Berth again.'))
      vm.on('exit', (code, signal) => {
        fail(`the VM's process ended (${signal ?? `exit code ${code}`})`, "See the machine's log.")
      })
      vm.on('message', (message: FromVm) => {
        switch (message.type) {
          case 'stage':
            enter(message.stage)
            return onStage({ stage: message.stage, text: message.text })
          case 'rehearsal':
            return void this.connect()
              .then((socket) => rehearse(new Link(socket)))
              .catch((error: Error) => fail(`the rehearsal failed: ${error.message}`, "See the machine's log."))
          case 'failed':
            stage = message.stage
            return fail(message.message, message.fix)
          case 'ready':
          case 'booted':
          case 'noSnapshot':
            clearTimeout(timer)
            return resolve(message)
        }
      })
      const places = this.find()
      tell(vm, {
        type: task,
        options: {
          guestDir: places.guestDir,
          snapshotDir: places.snapshotDir,
          diskFile: this.diskFile,
          linkAddress: this.linkAddress,
          memory: this.options.memory,
          diskSize: this.options.disk,
        },
      })
    })
  }

  private receive(vm: ChildProcess, message: FromVm): void {
    switch (message.type) {
      case 'log':
        return this.options.log(message.line)
      case 'usage':
        this.usageWaiters.get(message.id)?.(message.usage)
        this.usageWaiters.delete(message.id)
        return
      case 'halted':
        this.guestPoweredOff = true
        if (!this.ending) vm.kill()
    }
  }

  private askUsage(vm: ChildProcess): Promise<VmUsage> {
    return new Promise((resolve) => {
      const id = this.nextUsage++
      this.usageWaiters.set(id, resolve)
      tell(vm, { type: 'usage', id })
    })
  }

  private exited(how: string): void {
    for (const resolve of this.usageWaiters.values()) resolve({ memory: 0, cpuMs: 0 })
    this.usageWaiters.clear()
    if (this.ending) return
    const reason = this.guestPoweredOff ? 'the guest turned itself off' : `the VM's process ended (${how})`
    for (const listener of this.exitListeners) listener(reason)
  }
}

function tell(vm: ChildProcess, message: ToVm): void {
  if (vm.connected) vm.send(message)
}

function stoppedEarly(): MachineError {
  return new MachineError('vm', 'the machine was stopped while it started', 'Start it again.')
}

/** Whether the process has ended, waiting for that at most `limit` milliseconds. */
function exited(vm: ChildProcess, limit?: number): Promise<boolean> {
  if (vm.exitCode !== null || vm.signalCode !== null) return Promise.resolve(true)
  return new Promise((resolve) => {
    const timer = limit === undefined ? undefined : setTimeout(() => resolve(false), limit)
    vm.once('exit', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
