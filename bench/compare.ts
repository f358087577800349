import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { engineAt, startEngine, type TestEngine } from '../test/kit/engine'
import { call, type Answer } from '../test/kit/http'
import { interleave } from './measure'
import { comparison, type Compared } from './report'

/** The image that benchmarks run; the peer is given ours. */
export const image = 'busybox:latest'

export interface CompareInput {
  /** Ours first, then the peer if there is one. */
  engines: TestEngine[]
  runs: number
  /** A folder for files, removed afterwards. */
  scratch: string
}

/** A benchmark that runs alike on every engine. */
export interface Comparable {
  summary: string
  measure(input: CompareInput): Promise<Compared[]>
}

export interface Contest {
  /** The peer's address, `unix://PATH`. */
  vs?: string
  /** An engine of ours that runs already; without it one is started on a folder of its own. */
  host?: string
  runs: number
  /** The engine's bundle. */
  script: string
  scratch: string
}

/** Runs benchmarks one after the other, each on both engines in turn, and gives the table. */
export async function compare(benchmarks: Comparable[], { vs, host, runs, script, scratch }: Contest): Promise<string> {
  const own = host ? undefined : await startEngine({ machine: 'native', script })
  try {
    const ours = own ?? engineAt(host!)
    const engines = vs ? [ours, engineAt(vs)] : [ours]
    if (engines[1]) {
      const archive = join(scratch, 'image.tar')
      await must(ours, 'save', '-o', archive, image)
      await must(engines[1], 'load', '-q', '-i', archive)
    }
    const results: Compared[] = []
    for (const benchmark of benchmarks) results.push(...(await benchmark.measure({ engines, runs, scratch })))
    return comparison(results)
  } finally {
    await own?.remove()
  }
}

/** Samples of one thing on each engine, taken in turn. */
export async function onEach(
  { engines, runs }: CompareInput,
  take: (engine: TestEngine) => Promise<number>,
): Promise<Compared['samples']> {
  const [ours, peer] = await interleave(
    runs,
    engines.map((engine) => () => take(engine)),
  )
  return [ours!, peer]
}

/** Runs the docker command and gives what it prints; throws with its error when it fails. */
export async function must(engine: TestEngine, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(' ')} on ${engine.host}: exit code ${code}: ${stderr.trim()}`)
  return stdout.trim()
}

/** As `must`, for output that is too long to keep: it is thrown away. */
export async function mustDrop(engine: TestEngine, ...args: string[]): Promise<void> {
  const child = spawn('docker', ['-H', engine.host, ...args], { stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`docker ${args.join(' ')} on ${engine.host}: exit code ${code}`)
}

/** One call of the API; throws with the engine's message when its status is no success. */
export async function ask(engine: TestEngine, method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await call(engine, method, path, body)
  if (answer.status >= 300) throw new Error(`${method} ${path} on ${engine.host}: ${answer.status} ${answer.body}`)
  return answer
}

/** Makes containers by the API, gives their ids. */
export async function makeContainers(engine: TestEngine, count: number, config: object): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++)
    ids.push((await ask(engine, 'POST', '/containers/create', { Image: image, ...config })).json().Id)
  return ids
}

export async function removeContainers(engine: TestEngine, ids: string[]): Promise<void> {
  for (const id of ids) await ask(engine, 'DELETE', `/containers/${id}?force=1&v=1`)
}

/** Runs `body` with one sleeping container on each engine; `nameOf` gives its id. */
export async function withSleepers<T>(
  engines: TestEngine[],
  body: (idOf: (engine: TestEngine) => string) => Promise<T>,
): Promise<T> {
  const ids = new Map<TestEngine, string>()
  try {
    for (const engine of engines) ids.set(engine, await must(engine, 'run', '-d', image, 'sleep', '100000'))
    return await body((engine) => ids.get(engine)!)
  } finally {
    for (const [engine, id] of ids) await removeContainers(engine, [id])
  }
}
