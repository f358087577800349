import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export type MachineName = 'native' | 'qemu' | 'builtin'

/** What a command printed and how it ended. */
export interface Output {
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string | Buffer
  env?: Record<string, string>
  cwd?: string
}

/** Runs a command to its end, whatever its exit code. */
export function run(command: string, args: string[], { input, env, cwd }: RunOptions = {}): Promise<Output> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, cwd, maxBuffer: 256 * 1024 * 1024 }
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') resolve({ code: 127, stdout, stderr: error.message })
      else resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
    // A command that ends before it has read its input is no fault of ours.
    child.stdin!.on('error', () => undefined)
    child.stdin!.end(input)
  })
}

/** A docker command that is still running. */
export interface LiveCommand {
  process: ChildProcess
  /** Resolves when its stdout holds the text; rejects when it ends without it. */
  shows(text: string): Promise<void>
  ended: Promise<Output>
}

function live(command: string, args: string[], env: Record<string, string>): LiveCommand {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: (code as number | null) ?? 1, ...output }))
  return {
    process: child,
    ended,
    async shows(text) {
      while (!output.stdout.includes(text)) {
        const over = await Promise.race([once(child.stdout, 'data').then(() => false), ended.then(() => true)])
        if (over && !output.stdout.includes(text))
          throw new Error(`${command} ${args.join(' ')} ended without "${text}": ${output.stdout}${output.stderr}`)
      }
    },
  }
}

/** An engine that a test or a benchmark talks to. */
export interface TestEngine {
  /** `unix://PATH` */
  host: string
  socketPath: string
  /** Runs the stock docker command against it. */
  docker(...args: string[]): Promise<Output>
  dockerWith(options: RunOptions, ...args: string[]): Promise<Output>
  /** Starts the docker command and leaves it running; its stdin stays open. */
  dockerLive(...args: string[]): LiveCommand
}

/** The docker command against any engine's socket. */
export function engineAt(host: string): TestEngine {
  const env = { DOCKER_HOST: host, DOCKER_CONTEXT: '' }
  const dockerWith = (options: RunOptions, ...args: string[]) =>
    run('docker', args, { ...options, env: { ...env, ...options.env } })
  return {
    host,
    socketPath: host.replace(/^unix:\/\//, ''),
    docker: (...args) => dockerWith({}, ...args),
    dockerWith,
    dockerLive: (...args) => live('docker', args, env),
  }
}

export interface StartOptions {
  machine: MachineName
  /** A folder to go on with; else a new one, removed by `remove`. */
  dataDir?: string
  env?: Record<string, string>
  /** The engine's bundle. */
  script?: string
}

/** An engine of ours that was started here. */
export interface OwnEngine extends TestEngine {
  machine: MachineName
  dataDir: string
  /** Milliseconds from the start of its process to `engine ready`. */
  readyMs: number
  process: ChildProcess
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>
  /** SIGKILL, as a crash. */
  kill(): Promise<void>
  /** Stops it, and on native its agent with all containers. */
  stopAgent(): Promise<void>
  /** Stops it with all that it left behind: agent, containers, data dir. */
  remove(): Promise<void>
}

/** The engine's bundle as set-up builds it. */
export const engineScript = process.env.BERTH_TEST_ENGINE ?? join(process.cwd(), 'out', 'main', 'engine.js')

/** Starts an engine without a window on a data dir of its own. Throws with its last words when it does not start. */
export async function startEngine({
  machine,
  dataDir: given,
  env,
  script = engineScript,
}: StartOptions): Promise<OwnEngine> {
  if (!existsSync(script)) throw new Error(`${script} is missing: run \`npm run setup\``)
  const dataDir = given ?? (await mkdtemp(join(tmpdir(), `berth-${machine}-`)))
  const host = `unix://${join(dataDir, 'berth.sock')}`
  const begun = performance.now()
  const child = spawn(
    process.execPath,
    [script, '--machine', machine, '--data-dir', dataDir, '--host', host, '--json-stages'],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  // A test that timed out never comes to its own cleaning up.
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const lines: string[] = []
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()))
  const ended = once(child, 'exit').finally(() => process.off('exit', killAtExit))
  const ready = new Promise<boolean>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      if (line.startsWith('engine ready ')) resolve(true)
    })
    void ended.then(() => resolve(false))
  })
  if (!(await ready)) {
    if (!given) await discard(dataDir)
    throw new Error(`the engine did not start:\n${lines.join('\n')}`)
  }
  const readyMs = performance.now() - begun
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    if (child.exitCode === null && child.signalCode === null) await ended
  }
  const stopAgent = async () => {
    await stop('SIGTERM')
    await endAgent(dataDir)
  }
  return {
    ...engineAt(host),
    machine,
    dataDir,
    readyMs,
    process: child,
    stop: () => stop('SIGTERM'),
    kill: () => stop('SIGKILL'),
    stopAgent,
    async remove() {
      await stop('SIGTERM')
      await discard(dataDir)
    },
  }
}

async function discard(dataDir: string): Promise<void> {
  await endAgent(dataDir)
  await rm(dataDir, { recursive: true, force: true })
}

/** The agent of an engine on `native`, undefined when none runs. */
export async function agentPid(dataDir: string): Promise<number | undefined> {
  const marker = join(dataDir, 'native', 'machine')
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const words = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (words[1] === 'serve' && words.some((word) => word.startsWith(marker))) return Number(name)
  }
  return undefined
}

/** Ends the agent that outlives an engine on `native`, with its containers. */
export async function endAgent(dataDir: string): Promise<void> {
  const pid = await agentPid(dataDir)
  if (pid === undefined) return
  process.kill(pid, 'SIGTERM')
  while (existsSync(`/proc/${pid}`)) await sleep(20)
}
