import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { appSummary, benchApp } from './app'
import { builds } from './build'
import { builtin, builtinSummary } from './builtin'
import { compare, type Comparable } from './compare'
import { cp } from './cp'
import { events } from './events'
import { load } from './load'
import { logs } from './logs'
import { memory } from './memory'
import { ps } from './ps'
import { detached, exec, run } from './run'

const comparable: Record<string, Comparable> = {
  memory,
  run,
  detached,
  exec,
  ps,
  events,
  load,
  build: builds,
  logs,
  cp,
}

const usage = `usage: npm run bench -- NAME... [--vs unix:///PATH.sock] [--runs N] [--host unix:///PATH.sock]

On the native machine, with --vs also on another engine, in turn:
${Object.entries({ all: { summary: 'all of these' }, ...comparable })
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

On the builtin machine:
  ${'builtin'.padEnd(10)}${builtinSummary}

On this display:
  ${'app'.padEnd(10)}${appSummary}
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string', default: '20' }, vs: { type: 'string' }, host: { type: 'string' } },
  })
  const names = positionals.flatMap((name) => (name === 'all' ? Object.keys(comparable) : [name]))
  if (names.length === 0 || !names.every((name) => ['builtin', 'app'].includes(name) || name in comparable)) {
    console.log(usage)
    return names.length === 0 ? 0 : 2
  }
  const runs = Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number of at least 1, not ${values.runs}`)
  const scratch = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  const input = { runs, vs: values.vs, host: values.host, script: join(__dirname, 'engine.js'), scratch }
  try {
    const [processor] = cpus()
    const memorySize = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`
    console.log(`${cpus().length} × ${processor?.model.trim()}, ${memorySize}, Node ${process.version}\n`)
    const compared = names.filter((name) => name in comparable).map((name) => comparable[name]!)
    if (compared.length > 0) console.log(await compare(compared, input))
    if (names.includes('builtin')) console.log(await builtin(input))
    if (names.includes('app')) console.log(await benchApp(input))
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
