import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { builtin } from './builtin'
import { run } from './run'

export interface BenchmarkInput {
  runs: number
  /** The peer's address, `unix://PATH`. */
  vs?: string
  /** An engine of ours that runs already; without it the benchmark starts one on a folder of its own. */
  host?: string
  /** The engine's bundle. */
  script: string
  /** A folder for whatever the benchmark needs; removed afterwards. */
  scratch: string
}

export interface Benchmark {
  summary: string
  /** Measures and gives the report. */
  measure(input: BenchmarkInput): Promise<string>
}

const benchmarks: Record<string, Benchmark> = { run, builtin }

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: '20' }, vs: { type: 'string' }, host: { type: 'string' } },
  })
  const [name] = positionals
  const benchmark = name === undefined ? undefined : benchmarks[name]
  if (!benchmark) {
    console.log('usage: npm run bench -- NAME [--vs unix:///PATH.sock] [--runs N] [--host unix:///PATH.sock]\n')
    for (const [own, { summary }] of Object.entries(benchmarks)) console.log(`  ${own.padEnd(10)}${summary}`)
    return name === undefined ? 0 : 2
  }
  const runs = Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number of at least 1, not ${values.runs}`)
  const scratch = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  try {
    const script = join(__dirname, 'engine.js')
    const report = await benchmark.measure({ runs, vs: values.vs, host: values.host, script, scratch })
    const [processor] = cpus()
    console.log(
      `${name} · ${cpus().length} × ${processor?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}\n`,
    )
    console.log(report)
    return 0
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error((error as Error).message)
    process.exit(1)
  },
)
