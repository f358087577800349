import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { Link } from '../link'
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
  type StageReport,
} from '../machine'
import type { Outcome, Task, VmOptions } from './messages'
import { defaultPlaces, linkAddress, type BuiltinPlaces } from './places'
import { rehearse } from './rehearsal'
import { stoppedEarly, VmProcess } from './vm-process'

const mebibyte = 1024 * 1024
const defaultMemory = 512 * mebibyte
/** 64 GiB of 512-byte sectors are well inside the 2^28 that the emulated drive's 28-bit commands reach. */
const defaultDisk = 64 * 1024 * mebibyte
const stopDeadline = 20_000

/** The driver with its files at the places that are found when it is used. */
export function builtinAt(find: () => BuiltinPlaces): Driver {
  return {
    name: 'builtin',
    features: {
      hostBinds: false,
      hostNetwork: false,
      survivesEngine: false,
      suspend: true,
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
  private vm?: VmProcess
  private rehearsal?: VmProcess
  /** Set by `stop` and `kill`. */
  private ending = false
  private readonly exitListeners: ((reason: string) => void)[] = []

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
    try {
      let outcome = await this.run('resume', onStage)
      const note =
        outcome.type === 'refused' ? `What the machine did when it was suspended is lost: ${outcome.reason}` : undefined
      if (outcome.type === 'refused') outcome = await this.run('resume', onStage)
      const cold = outcome.type === 'noSnapshot'
      if (outcome.type === 'noSnapshot') {
        this.options.log(`Linux boots from scratch: ${outcome.reason}`)
        await this.run('boot', onStage)
        outcome = await this.run('resume', onStage)
      }
      if (outcome.type !== 'ready') throw new MachineError('files', 'the snapshot was not kept', 'Start it again.')
      if (outcome.from === 'snapshot') void this.rehearse()
      const kind = outcome.from === 'suspended' ? 'resumed' : cold ? 'cold' : 'snapshot'
      return { kind, ms: Math.round(performance.now() - startedAt), note }
    } catch (error) {
      await this.kill()
      throw error
    }
  }

  async connect(): Promise<Duplex> {
    return connectTo(this.vmOptions('resume').linkAddress)
  }

  async hostUsage(): Promise<HostUsage> {
    const { diskFile, diskSize, suspendedDir } = this.vmOptions('resume')
    const kept = await readdir(suspendedDir).catch(() => [])
    const sizes = kept.map(async (name) => (await stat(join(suspendedDir, name)).catch(() => undefined))?.size ?? 0)
    const file = await stat(diskFile).catch(() => undefined)
    const usage = (await this.vm?.usage()) ?? { memory: 0, cpuMs: 0 }
    return {
      pids: this.vm?.alive ? [this.vm.pid!] : [],
      ...usage,
      diskAllocated: file ? file.blocks * 512 : 0,
      diskSize: file?.size ?? diskSize,
      suspended: (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0),
    }
  }

  async stop(): Promise<void> {
    this.ending = true
    await Promise.all([this.vm?.stop(stopDeadline), this.rehearsal?.kill()])
  }

  async suspend(): Promise<void> {
    await this.rehearsal?.kill()
    if (!this.vm) throw new MachineError('vm', 'the machine does not run', 'Start it first.')
    await this.vm.suspend(this.vmOptions('resume'))
  }

  async kill(): Promise<void> {
    this.ending = true
    await Promise.all([this.vm?.kill(), this.rehearsal?.kill()])
  }

  onExit(listener: (reason: string) => void): void {
    this.exitListeners.push(listener)
  }

  /** Runs a task of the VM's process that the start waits for. */
  private async run(task: Task, onStage: (report: StageReport) => void): Promise<Outcome> {
    const vm = this.process()
    this.vm = vm
    const outcome = await vm.run(task, this.vmOptions(task), { onStage })
    if (outcome.type !== 'ready') await vm.ended()
    else vm.onSurprise((reason) => this.exitListeners.forEach((listener) => listener(reason)))
    return outcome
  }

  /**
   * Makes the next start and its first containers quick, beside the running machine and with what processor time nobody
   * else wants. One that fails or is cut off is tried again by the next start.
   */
  private async rehearse(): Promise<void> {
    const { log } = this.options
    const options = this.vmOptions('rehearse')
    try {
      const vm = this.process()
      this.rehearsal = vm
      setPriority(vm.pid!, constants.priority.PRIORITY_BELOW_NORMAL)
      const onRehearsal = async () => rehearse(new Link(await connectTo(options.linkAddress)))
      const outcome = await vm.run('rehearse', options, { onRehearsal })
      log(outcome.type === 'kept' ? 'The rehearsed start is kept' : 'There was nothing to rehearse from')
    } catch (error) {
      if (!this.ending) log(`The rehearsal of a start failed: ${(error as Error).message}`)
      await this.rehearsal?.kill()
      await rm(options.diskFile, { force: true })
    }
  }

  private process(): VmProcess {
    if (this.ending) throw stoppedEarly()
    return new VmProcess(this.find().vmScript, this.options.log)
  }

  /** What a task works on: only 'resume' uses the machine's own disk and link. */
  private vmOptions(task: Task): VmOptions {
    const { guestDir, snapshotDir } = this.find()
    const { dir, memory, disk: diskSize } = this.options
    const own = task === 'resume'
    return {
      guestDir,
      snapshotDir,
      suspendedDir: join(dir, 'suspended'),
      diskFile: join(dir, own ? 'data.img' : `${task}.img`),
      linkAddress: linkAddress(own ? dir : join(dir, task)),
      memory,
      diskSize,
    }
  }
}

async function connectTo(address: string): Promise<Duplex> {
  const socket = connect(address)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}
