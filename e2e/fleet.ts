import { join } from 'node:path'
import { engineAt, type TestEngine } from '../test/kit/engine'
import { expect, type Launched } from './app'

/** The engine of a launched app, for the docker command: what it makes, the window has to show. */
export async function engineOf({ dataDir, window }: Launched): Promise<TestEngine> {
  const engine = engineAt(`unix://${join(dataDir, 'berth.sock')}`)
  await window.getByRole('heading', { name: 'Containers', exact: true }).waitFor({ timeout: 500_000 })
  // The starter image is loaded after the engine answers.
  await expect.poll(async () => (await engine.docker('images', '-q', 'busybox')).stdout.trim(), { timeout: 500_000 }).not.toBe('') // prettier-ignore
  return engine
}

/** Runs the docker command and expects it to go well; gives its output. */
export async function docker(engine: TestEngine, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.docker(...args)
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

const inStack = (stack: string, service: string) => [
  ...['--label', `com.docker.compose.project=${stack}`],
  ...['--label', `com.docker.compose.service=${service}`],
  ...['--name', `${stack}-${service}-1`],
]

const page = (text: string) => `mkdir /www; echo "${text}" >/www/index.html; echo "listening on port 80"; exec httpd -f -vv -p 80 -h /www` // prettier-ignore

/** A worker's log: colours, levels, both streams; a line every `pause` seconds. */
const work = (pause: number) => `n=0; while :; do n=$((n+1)); printf '\\033[32mINFO\\033[0m  job %d: %s lines sorted\\n' $n $((n*37%400)); [ $((n%7)) = 0 ] && printf '\\033[33mWARN\\033[0m  the queue is long\\n' >&2; [ $((n%11)) = 0 ] && echo "ERROR  job $n was lost" >&2; sleep ${pause}; done` // prettier-ignore

/** A stack of three, a web server with a port, a job that failed: what the pages show in tests and pictures. */
export async function launchFleet(engine: TestEngine, port: number): Promise<void> {
  const run = (...args: string[]) => docker(engine, 'run', '-d', ...args)
  await run(...inStack('shop', 'db'), 'busybox', 'sh', '-c', 'echo "LOG:  database system is ready"; exec sleep 100000')
  await run(...inStack('shop', 'worker'), 'busybox', 'sh', '-c', work(0.4))
  await run(...inStack('shop', 'web'), '-p', `${port}:80`, 'busybox', 'sh', '-c', page('shop'))
  await run('--name', 'cache', '--memory', '64m', 'busybox', 'sleep', '100000')
  await run('--name', 'docs', '-e', 'MOTTO=ahoy', '-v', 'notes:/notes', '--health-cmd', 'test -d /www', '--health-interval', '2s', 'busybox', 'sh', '-c', page('docs')) // prettier-ignore
  await engine.docker('run', '--name', 'migrate', 'busybox', 'sh', '-c', 'echo "connecting to db:5432"; echo "ERROR no database named orders" >&2; exit 3') // prettier-ignore
}
