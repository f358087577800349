import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { _electron, type ElectronApplication, type Page, test as base } from '@playwright/test'
import { endAgent } from '../test/kit/engine'

const project = join(__dirname, '..')
/** Holds the app's ready event back until Playwright is attached, which it does by itself only without a path. */
const playwrightLoader = join(dirname(require.resolve('playwright-core/package.json')), 'lib/server/electron/loader.js')
const screens = process.env.BERTH_SCREENS ? join(project, 'e2e/screens') : join(project, 'test-results/screens')

/** The machine that the tests run on: BERTH_E2E_MACHINE, else the one that works everywhere. */
export const machine = process.env.BERTH_E2E_MACHINE ?? 'builtin'

export interface Launched {
  app: ElectronApplication
  window: Page
  dataDir: string
}

export interface LaunchOptions {
  /** Added to the environment of the app. */
  env?: Record<string, string>
  /** A data dir of an earlier launch; otherwise a new one. */
  dataDir?: string
  /** Added to the command line. */
  args?: string[]
}

/** Starts the real app on a data dir of its own. The snapshot of the booted machine is kept from one run to the next. */
export async function launch({ env = {}, dataDir, args = [] }: LaunchOptions = {}): Promise<Launched> {
  const dir = dataDir ?? (await mkdtemp(join(tmpdir(), 'berth-e2e-')))
  const isRoot = process.getuid?.() === 0
  const app = await _electron.launch({
    executablePath: process.env.BERTH_ELECTRON,
    args: [
      '-r',
      playwrightLoader,
      process.env.BERTH_APP ?? project,
      '--disable-gpu',
      ...(isRoot ? ['--no-sandbox'] : []),
      ...args,
    ],
    env: {
      ...(process.env as Record<string, string>),
      BERTH_DATA_DIR: dir,
      BERTH_NODE: process.execPath,
      BERTH_MACHINE: machine,
      BERTH_SNAPSHOT_DIR: join(project, '.cache/snapshots'),
      ...env,
    },
  })
  // One that starts hidden has none; whoever asked for that does not look for it.
  if (args.includes('--hidden')) {
    await app.evaluate(({ app: electron }) => electron.whenReady())
    return { app, window: undefined as never, dataDir: dir }
  }
  const window = await app.firstWindow()
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.setContentSize(1280, 800))
  return { app, window, dataDir: dir }
}

/** Takes a picture of what the window shows, light and dark, into e2e/screens/ (with BERTH_SCREENS=1). */
export async function picture(window: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await window.emulateMedia({ colorScheme })
    await window.screenshot({ path: join(screens, `${name}-${colorScheme}.png`), animations: 'disabled' })
  }
}

/** Each test that asks for `start` may start apps; they are closed, and their data removed, when it ends. */
export const test = base.extend<{ start: (options?: LaunchOptions) => Promise<Launched> }>({
  // Playwright reads a fixture's needs from this pattern; it has none.
  // eslint-disable-next-line no-empty-pattern
  start: async ({}, use) => {
    const launched: Launched[] = []
    await use(async (options) => {
      const one = await launch(options)
      launched.push(one)
      return one
    })
    for (const { app } of launched) await app.close()
    for (const { dataDir } of launched) {
      await endAgent(dataDir)
      await rm(dataDir, { recursive: true, force: true })
    }
  },
})

export { expect } from '@playwright/test'
