import { fork, type ChildProcess } from 'node:child_process'
import { MachineError, type Stage, type StageReport } from '../machine'
import type { FromVm, Outcome, Task, ToVm, VmOptions, VmUsage } from './messages'

/** How long a stage may take on a slow, busy computer, in milliseconds, before the task is given up. */
const deadlines: Partial<Record<Stage, number>> = { files: 300_000, kernel: 600_000, disk: 120_000, agent: 600_000 }
const defaultDeadline = 60_000

/** Who hears of what a task does. */
export interface Listener {
  onStage?: (report: StageReport) => void
  /** The agent waits to be used as rehearsal.ts does. */
  onRehearsal?: () => Promise<void>
}

/** One process of the VM (vm.ts) and the talk with it (messages.ts). */
export class VmProcess {
  private readonly child: ChildProcess
  private readonly usageWaiters = new Map<number, (usage: VmUsage) => void>()
  private nextUsage = 1
  private poweredOff = false
  /** Set by `stop` and `kill`: the end of the process is no surprise then. */
  private ending = false

  /** Starts the process; `log` takes lines of the guest's console and notes. */
  constructor(script: string, log: (line: string) => void) {
    // Machine code in a snapshot fits only a process with no other options of Node's.
    this.child = fork(script, [], { execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => log(text.trimEnd()))
    this.child.on('message', (message: FromVm) => {
      switch (message.type) {
        case 'log':
          return log(message.line)
        case 'usage':
          this.usageWaiters.get(message.id)?.(message.usage)
          return this.usageWaiters.delete(message.id)
        case 'halted':
          this.poweredOff = true
          if (!this.ending) this.child.kill()
      }
    })
    this.child.on('exit', () => {
      for (const resolve of this.usageWaiters.values()) resolve({ memory: 0, cpuMs: 0 })
      this.usageWaiters.clear()
    })
  }

  /** Undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.child.pid
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /**
   * Has the process do its task, once. Rejects with a MachineError. A process whose outcome is 'ready' goes on, any other
   * ends by itself.
   */
  run(task: Task, options: VmOptions, listener: Listener): Promise<Exclude<Outcome, { type: 'failed' }>> {
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
      this.child.on('error', (error) => fail(error.message, 'Install Berth again.'))
      this.child.on('exit', () => fail(this.howItEnded(), "See the machine's log."))
      this.child.on('message', (message: FromVm) => {
        switch (message.type) {
          case 'stage':
            enter(message.stage)
            return listener.onStage?.({ stage: message.stage, text: message.text })
          case 'rehearsal':
            return void listener.onRehearsal?.().catch((error: Error) => fail(error.message, "See the machine's log."))
          case 'failed':
            stage = message.stage
            return fail(message.message, message.fix)
          case 'ready':
          case 'kept':
          case 'noSnapshot':
          case 'refused':
            clearTimeout(timer)
            return resolve(message)
        }
      })
      this.tell({ type: task, options })
    })
  }

  /** Has it keep the guest and end. Rejects with a MachineError when the guest goes on instead. */
  async suspend(options: VmOptions): Promise<void> {
    await this.run('suspend', options, {})
    this.ending = true
    await this.ended()
  }

  /** Resident memory and CPU time of the process; zeros once it has ended. */
  usage(): Promise<VmUsage> {
    if (!this.alive) return Promise.resolve({ memory: 0, cpuMs: 0 })
    return new Promise((resolve) => {
      const id = this.nextUsage++
      this.usageWaiters.set(id, resolve)
      this.tell({ type: 'usage', id })
    })
  }

  /** Asks the process to end once the guest has turned itself off; ends it after `limit` milliseconds. */
  async stop(limit: number): Promise<void> {
    this.ending = true
    this.tell({ type: 'stop' })
    if (!(await this.ended(limit))) await this.kill()
  }

  async kill(): Promise<void> {
    this.ending = true
    this.child.kill('SIGKILL')
    await this.ended()
  }

  /** Calls the listener when the process ends without `stop` or `kill`. */
  onSurprise(listener: (reason: string) => void): void {
    this.child.once('exit', () => {
      if (!this.ending) listener(this.howItEnded())
    })
  }

  /** Whether the process has ended, waiting for that at most `limit` milliseconds. */
  ended(limit?: number): Promise<boolean> {
    if (!this.alive || this.pid === undefined) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = limit === undefined ? undefined : setTimeout(() => resolve(false), limit)
      this.child.once('exit', () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  private howItEnded(): string {
    if (this.poweredOff) return 'the guest turned itself off'
    return `the VM's process ended (${this.child.signalCode ?? `exit code ${this.child.exitCode}`})`
  }

  private tell(message: ToVm): void {
    if (this.child.connected) this.child.send(message)
  }
}

export function stoppedEarly(): MachineError {
  return new MachineError('vm', 'the machine was stopped while it started', 'Start it again.')
}
