/** The second half of `npm start`: the window where there is a display, otherwise the engine and how to use it. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { hasDisplay } from './lib/display.mjs'

const project = join(import.meta.dirname, '..')

if (hasDisplay()) {
  const { electronBinary } = await import('./electron-binary.mjs')
  const { path } = await electronBinary()
  const isRoot = process.getuid?.() === 0
  // Chromium's sandbox refuses to run as root.
  end(
    spawn(path, [project, ...(isRoot ? ['--no-sandbox'] : [])], {
      stdio: 'inherit',
      env: { ...process.env, BERTH_NODE: process.execPath },
    }),
  )
} else {
  const engine = spawn(process.execPath, [join(project, 'out/main/engine.js'), ...process.argv.slice(2)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  end(engine)
  for await (const line of createInterface({ input: engine.stdout })) {
    console.log(line)
    const [, host] = /^engine ready (\S+)/.exec(line) ?? []
    if (host) console.log(howTo(host))
  }
}

function howTo(host) {
  return `
There is no display here, so Berth runs without its window. In another terminal:

  ${join('resources', 'bin', 'berth')} run --rm busybox echo hello
  ${join('resources', 'bin', 'berth')} ps -a

With a docker client:

  export DOCKER_HOST=${host}
  docker run --rm busybox echo hello

Ctrl-C stops the engine.`
}

function end(child) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}
