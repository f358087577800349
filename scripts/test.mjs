/**
 * The second half of `npm test`: every suite, one after another, and at the end one line `N passed, N failed` over all
 * of them. `npm test -- unit e2e` runs some.
 *
 * `npm run test:api -- [--against unix:///PATH] [--machines native,builtin] [FILE...]` runs the API tests alone: over
 * another engine (dockerd, to compare), over fewer machines, of some files.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerCli } from './docker-cli.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { against: { type: 'string' }, machines: { type: 'string' } },
})
if (options.against) process.env.BERTH_TEST_AGAINST = options.against
if (options.machines) process.env.BERTH_TEST_MACHINES = options.machines
const testFiles = positionals.filter((name) => name.endsWith('.test.ts'))

const project = join(import.meta.dirname, '..')
const reports = join(project, '.cache/test-reports')
const bin = (name) => join(project, 'node_modules/.bin', name)

const vitest = (name) => ({
  command: [
    bin('vitest'),
    'run',
    '--project',
    name,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report(name)}`,
    ...testFiles,
  ],
  count: () => {
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report(name), 'utf8'))
    // A file that could not be loaded has no tests of its own that failed.
    return { passed: numPassedTests, failed: Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0) }
  },
})

/** The window's tests in these files, on the machine. */
const playwright = (name, machine, specs) => ({
  command: [process.execPath, join(project, 'scripts/e2e.mjs'), '--reporter=list,json', ...specs],
  env: { PLAYWRIGHT_JSON_OUTPUT_NAME: report(name), BERTH_E2E_MACHINE: machine },
  count: () => {
    const { stats } = JSON.parse(readFileSync(report(name), 'utf8'))
    return { passed: stats.expected + stats.flaky, failed: stats.unexpected }
  },
})

/** A command that passes or fails as a whole. */
const check = (...command) => ({
  command,
  count: (code) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 }),
})

const suites = {
  lint: check(bin('eslint'), '.'),
  format: check(bin('prettier'), '--check', '--log-level=warn', '.'),
  types: check(bin('tsc'), '--noEmit'),
  'types-renderer': check(bin('vue-tsc'), '--noEmit', '-p', 'renderer'),
  agent: {
    command: ['go', 'test', '-json', './...'],
    cwd: join(project, 'resources/guest/agent'),
    quiet: true,
    count: (_, output) => {
      const tests = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
      const ended = (action) => tests.filter((test) => test.Action === action)
      for (const { Output } of tests.filter((test) => test.Action === 'output' && /FAIL|panic/.test(test.Output)))
        process.stdout.write(Output)
      return {
        passed: ended('pass').filter((test) => test.Test).length,
        failed: ended('fail').filter((test) => test.Test).length || ended('fail').length,
      }
    },
  },
  unit: vitest('unit'),
  machine: vitest('machine'),
  api: vitest('api'),
  e2e: playwright('e2e', 'builtin', ['first-light', 'failure', 'security', 'screens']),
  // What a page does with the engine is the same on each machine, and this one is quick.
  'e2e-pages': playwright('e2e-pages', 'native', [
    'builds',
    'container',
    'images',
    'networks',
    'registry.spec',
    'settings',
    'shell',
    'volumes',
  ]),
}

function report(name) {
  return join(reports, `${name}.json`)
}

const asked = positionals.filter((name) => !testFiles.includes(name))
const unknown = asked.filter((name) => !(name in suites))
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')} (there are ${Object.keys(suites).join(', ')})`)
  process.exit(2)
}
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })
const PATH = `${process.env.PATH}${delimiter}${dockerCli()}${delimiter}/usr/sbin${delimiter}/sbin`

let passed = 0
let failed = 0
const lines = []
for (const name of asked.length > 0 ? asked : Object.keys(suites)) {
  const suite = suites[name]
  console.log(`\n== ${name}`)
  const begun = performance.now()
  const { code, output } = await run(suite)
  let result
  try {
    result = suite.count(code, output)
  } catch (error) {
    console.error(`${name}: no report: ${error.message}`)
    result = { passed: 0, failed: 1 }
  }
  // A runner that ends badly although no test failed (a leak, a crash at the end) has failed.
  if (code !== 0 && result.failed === 0) result.failed = 1
  passed += result.passed
  failed += result.failed
  lines.push(
    `${name.padEnd(16)} ${String(result.passed).padStart(5)} passed ${String(result.failed).padStart(4)} failed  ${((performance.now() - begun) / 1000).toFixed(0)} s`,
  )
}
console.log(`\n${lines.join('\n')}\n`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

function run({ command: [command, ...args], cwd = project, env = {}, quiet = false }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env, PATH },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (!quiet) process.stdout.write(chunk)
    })
    child.on('error', (error) => resolve({ code: 1, output: error.message }))
    child.on('close', (code) => resolve({ code, output }))
  })
}
