/**
 * The tests of the window in the real Electron, on a virtual display of their own (Xvfb) where the system has X.
 * Arguments go to Playwright: `node scripts/e2e.mjs first-light --repeat-each=3`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { electronBinary } from './electron-binary.mjs'

const project = join(import.meta.dirname, '..')
const electron = await electronBinary()
const display = process.platform === 'linux' ? await virtualDisplay() : undefined

const playwright = spawn(
  process.execPath,
  [join(project, 'node_modules/@playwright/test/cli.js'), 'test', ...process.argv.slice(2)],
  {
    cwd: project,
    stdio: 'inherit',
    env: { ...process.env, BERTH_ELECTRON: electron.path, ...(display && { DISPLAY: display.name }) },
  },
)
const [code] = await once(playwright, 'exit')
display?.server.kill()
process.exit(code ?? 1)

/** Starts an X server on the first display that is free; it says its number on descriptor 3 when it can be used. */
async function virtualDisplay() {
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const [number] = await Promise.race([
    once(server.stdio[3], 'data'),
    once(server, 'exit').then(() => {
      throw new Error('Xvfb ended before it had a display')
    }),
  ])
  return { server, name: `:${String(number).trim()}` }
}
