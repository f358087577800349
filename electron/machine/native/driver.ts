import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nativeAgent } from '../files'
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

const agentDeadline = 10_000

/** This Linux itself as the machine: the agent runs here, as root, and goes on when the engine ends. */
export const native: Driver = {
  name: 'native',
  features: {
    hostBinds: true,
    hostNetwork: true,
    survivesEngine: true,
    suspend: false,
  },
  probe,
  sizes,
  create: (options) => new NativeMachine(options),
}

async function probe(): Promise<ProbeResult> {
  if (process.platform !== 'linux') return no('it needs Linux, and this computer runs another system')
  if (process.getuid?.() !== 0) return no('it needs root, and the engine runs as another user')
  const runtime = ['crun', 'runc'].filter(onPath)
  if (runtime.length === 0) return no('it needs runc or crun, and neither is installed')
  if (!onPath('nft') && !onPath('iptables')) return no('it needs nft or iptables, and neither is installed')
  const filesystems = await readFile('/proc/filesystems', 'utf8')
  if (!/\toverlay$/m.test(filesystems)) return no('this kernel has no overlay file system')
  if (!existsSync('/sys/fs/cgroup/cgroup.controllers') && !existsSync('/sys/fs/cgroup/memory')) {
    return no('no cgroups are mounted at /sys/fs/cgroup')
  }
  if (!existsSync(nativeAgent())) return no(`the agent is missing at ${nativeAgent()}`)
  return { ok: true, detail: `this Linux itself, containers run by ${runtime.join(' or ')}` }
}

const own = { never: 'this computer itself is the machine' }

function sizes(): Record<SizeName, SizeRule> {
  const none = { default: 0, min: 0, max: 0, change: own }
  return { cpus: none, memory: none, swap: none, disk: none }
}

const no = (reason: string): ProbeResult => ({ ok: false, reason })

function onPath(command: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

class NativeMachine implements Machine {
  readonly driver = 'native'
  private readonly socketPath: string
  private stopped = false
  private launching: Promise<void> | undefined

  constructor(private readonly options: MachineOptions) {
    this.socketPath = join(options.dir, 'run', 'agent.sock')
  }

  async start(onStage: (report: StageReport) => void): Promise<BootReport> {
    const begun = performance.now()
    onStage({ stage: 'agent', text: 'Starting the agent' })
    const found = await this.reachable()
    if (!found) await this.launch()
    return { kind: found ? 'found' : 'started', ms: Math.round(performance.now() - begun) }
  }

  /** An agent that was killed is started again: what it finds of its containers it ends and tells of. */
  async connect(): Promise<Socket> {
    try {
      return await this.open()
    } catch (error) {
      if (this.stopped) throw error
      this.launching ??= this.launch().finally(() => (this.launching = undefined))
      await this.launching
      return this.open()
    }
  }

  private open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.socketPath)
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(socket)
      })
    })
  }

  async hostUsage(): Promise<HostUsage> {
    return { pids: [], memory: 0, cpuMs: 0, diskAllocated: 0, diskSize: 0, suspended: 0 }
  }

  async stop(): Promise<void> {
    this.stopped = true
  }

  async kill(): Promise<void> {
    this.stopped = true
  }

  onExit(): void {
    // This computer does not end before the engine, and the agent is brought back by `connect`.
  }

  private async reachable(): Promise<boolean> {
    try {
      const socket = await this.open()
      socket.destroy()
      return true
    } catch {
      return false
    }
  }

  private async launch(): Promise<void> {
    const { dir } = this.options
    await mkdir(dir, { recursive: true, mode: 0o711 })
    const logFile = join(dir, 'agent.log')
    const log = openSync(logFile, 'a')
    const child = spawn(
      nativeAgent(),
      ['serve', '-root', join(dir, 'root'), '-run', join(dir, 'run'), '-listen', `unix:${this.socketPath}`],
      {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      },
    )
    let ended: string | undefined
    child.once('error', (error) => (ended = error.message))
    child.once('exit', (code, signal) => {
      ended = signal ? `it was ended by ${signal}` : `it ended with status ${code}`
    })
    child.unref()
    for (let waited = 0; waited < agentDeadline; waited += 5) {
      if (await this.reachable()) return
      if (ended !== undefined) break
      await sleep(5)
    }
    const tail = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-3).join(' / ')
    throw new MachineError(
      'agent',
      `The agent did not start: ${ended ?? 'it does not answer'}. ${tail}`,
      `Look at ${logFile}; end a left-over berth-agent process if there is one, then start again.`,
    )
  }
}
