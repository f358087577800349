import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'undici'
import { startEngine } from '../test/kit/engine'
import { makeContainers } from './compare'
import { table } from './report'

const count = 5
const project = process.cwd()

export const appSummary = `the window: from launch to a page with ${count} live containers, the engine running; its memory (needs a display)`

/** MiB of a process of the app and its kind, shared pages counted by share (the kernel's proportional set size). */
interface AppProcess {
  kind: string
  mib: number
}

/** The processes below `root`, itself included, by the kind that Chromium gives on their command lines. */
function processesOf(root: number): AppProcess[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))![1])
        const kind = /--type=([\w-]+)/.exec(readFileSync(`/proc/${name}/cmdline`, 'utf8'))?.[1] ?? 'main'
        const kib = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
        return [{ pid: Number(name), parent, kind, mib: kib / 1024 }]
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
  const family = new Set([root])
  for (let before = 0; before !== family.size;) {
    before = family.size
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid)
  }
  return all.filter(({ pid }) => family.has(pid))
}

/** Starts the app, waits until its list shows all containers with live figures, and ends it. */
async function launch(electron: string, dataDir: string): Promise<{ ms: number; processes: AppProcess[] }> {
  const begun = performance.now()
  const args = [project, '--remote-debugging-port=0', '--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])] // prettier-ignore
  const child = spawn(electron, args, { env: { ...process.env, BERTH_DATA_DIR: dataDir }, stdio: ['ignore', 'ignore', 'pipe'] }) // prettier-ignore
  try {
    const port = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        const [, found] = /^DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? []
        if (found) resolve(found)
      })
      child.once('exit', () => reject(new Error('The app ended before it had a window; is there a display?')))
    })
    const page = await pageOf(port)
    await evaluate(
      page,
      `new Promise((resolve) => { const look = () => document.querySelectorAll('[role=row] a').length >= ${count} && /[KM]iB/.test(document.body.innerText) ? resolve(true) : requestAnimationFrame(look); look() })`,
    )
    return { ms: performance.now() - begun, processes: processesOf(child.pid!) }
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

/** The debugger's address of the window's page, as soon as there is one. */
async function pageOf(port: string): Promise<string> {
  for (;;) {
    const pages = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { url: string; webSocketDebuggerUrl: string }[] // prettier-ignore
    const page = pages.find(({ url }) => url.startsWith('berth-app:'))
    if (page) return page.webSocketDebuggerUrl
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function evaluate(address: string, expression: string): Promise<void> {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression, awaitPromise: true } })) // prettier-ignore
    socket.onmessage = resolve
    socket.onerror = () => reject(new Error('The window’s debugger did not answer'))
  })
  socket.close()
}

/** Measures the real app attached to a running native engine; gives the table. */
export async function benchApp({
  runs,
  script,
  scratch,
}: {
  runs: number
  script: string
  scratch: string
}): Promise<string> {
  // prettier-ignore
  const { electronBinary } = await import(join(project, 'scripts/electron-binary.mjs'))
  const { path } = await electronBinary()
  const dataDir = await mkdtemp(join(scratch, 'app-'))
  const engine = await startEngine({ machine: 'native', dataDir, script })
  try {
    const ids = await makeContainers(engine, count, { Cmd: ['sleep', '1000'] })
    for (const id of ids) await engine.docker('start', id)
    await launch(path, dataDir)
    const samples: Awaited<ReturnType<typeof launch>>[] = []
    for (let run = 0; run < runs; run++) samples.push(await launch(path, dataDir))
    const memory = (kind: string) => samples.map(({ processes }) => processes.filter((one) => one.kind === kind).reduce((sum, { mib }) => sum + mib, 0)) // prettier-ignore
    return table([
      { what: `launch to a window with ${count} live containers`, unit: 'ms', samples: samples.map(({ ms }) => ms), bar: 'at most 1000 ms' }, // prettier-ignore
      { what: 'memory of main', unit: 'MiB', samples: memory('main') },
      { what: 'memory of the window', unit: 'MiB', samples: memory('renderer') },
      { what: 'memory of all its processes', unit: 'MiB', samples: samples.map(({ processes }) => processes.reduce((sum, { mib }) => sum + mib, 0)) }, // prettier-ignore
    ])
  } finally {
    await engine.remove()
    await rm(dataDir, { recursive: true, force: true })
  }
}
