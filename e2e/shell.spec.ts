import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ElectronApplication } from '@playwright/test'
import { engineAt } from '../test/kit/engine'
import { expect, picture, test } from './app'
import { docker, engineOf, launchFleet } from './fleet'
import { ContainersPage } from './pages/containers-page'
import { Sidebar } from './pages/sidebar'
import { freePort } from './registry'

/** A second start of the app on the same data, as a click on a link in another program makes it. */
async function startAgain(dataDir: string, ...args: string[]): Promise<void> {
  const again = spawn(process.env.BERTH_ELECTRON!, [join(__dirname, '..'), '--no-sandbox', ...args], { env: { ...process.env, BERTH_DATA_DIR: dataDir } }) // prettier-ignore
  await once(again, 'exit')
}

/** Makes each tray menu that is built from now on readable by `trayLabels` and `clickTray`. */
const watchTray = (app: ElectronApplication) =>
  app.evaluate(({ Menu }) => {
    const build = Menu.buildFromTemplate.bind(Menu)
    Menu.buildFromTemplate = (template) => {
      const menu = build(template)
      if (template.some(({ label }) => label === 'Quit Berth')) (globalThis as { tray?: Electron.Menu }).tray = menu
      return menu
    }
  })
const trayLabels = (app: ElectronApplication) =>
  app.evaluate(() => (globalThis as { tray?: Electron.Menu }).tray?.items.map(({ label }) => label) ?? [])
const clickTray = (app: ElectronApplication, ...path: string[]) =>
  app.evaluate((_electron, labels) => {
    let items = (globalThis as { tray?: Electron.Menu }).tray!.items
    for (const label of labels.slice(0, -1)) items = items.find((item) => item.label === label)!.submenu!.items
    items.find((item) => item.label === labels.at(-1))!.click()
  }, path)

test('a newcomer gets to a running container in one click, offline', async ({ start }) => {
  const launched = await start()
  await engineOf(launched)
  const { window } = launched
  await window.getByRole('button', { name: 'A web server' }).click()
  await expect(window.getByRole('log', { name: 'Log' })).toContainText('listening on port 80')
  await window.getByRole('button', { name: /^Open port \d+ in the browser/ }).waitFor()
})

test('palette, shortcuts, activity, tray, links', async ({ start }) => {
  const launched = await start()
  const { app, window, dataDir } = launched
  const engine = await engineOf(launched)
  const containers = new ContainersPage(window)
  await watchTray(app)
  await launchFleet(engine, await freePort())
  await expect(containers.row('shop')).toContainText('3 running')

  await test.step('the palette goes anywhere and does things', async () => {
    await window.keyboard.press('Control+k')
    const field = window.getByRole('combobox', { name: 'Go to' })
    await field.fill('stop cache')
    await expect(window.getByRole('option').first()).toContainText('Stop cache')
    await picture(window, 'palette')
    await window.keyboard.press('Enter')
    await expect(containers.row('cache')).toContainText('Exited')
    await window.keyboard.press('Control+k')
    await field.fill('stack shop')
    await window.keyboard.press('Enter')
    await expect(window.getByRole('heading', { name: 'shop', exact: true })).toBeVisible()
    await window.keyboard.press('Control+k')
    await field.fill('nonsense that is nowhere')
    await expect(window.getByText('Nothing is called that.')).toBeVisible()
    await window.keyboard.press('Escape')
    await new Sidebar(window).open('Containers')
  })

  await test.step('the sheet of shortcuts', async () => {
    await window.keyboard.press('Shift+?')
    await expect(window.getByRole('dialog', { name: 'Keyboard shortcuts' })).toContainText('Fold and unfold a stack')
    await picture(window, 'shortcuts')
    await window.keyboard.press('Escape')
  })

  await test.step('what ended badly waits in the activity centre', async () => {
    await window.getByRole('button', { name: /^Activity: .*unread/ }).click()
    const notices = window.getByRole('list', { name: 'Notices' })
    await expect(notices).toContainText('migrate has ended')
    await picture(window, 'activity')
    await notices.getByRole('link', { name: 'migrate has ended' }).click()
    await expect(window.getByRole('region', { name: 'Why it stopped' })).toBeVisible()
    await expect(window.getByRole('button', { name: 'Activity', exact: true })).toBeVisible()
  })

  await test.step('the tray drives containers and stacks, also without a window', async () => {
    await docker(engine, 'start', 'cache')
    await expect.poll(() => trayLabels(app)).toContain('● cache')
    await expect.poll(() => trayLabels(app)).toContain('● shop')
    await window.close()
    await clickTray(app, '● cache', 'Stop')
    await expect.poll(() => trayLabels(app), { timeout: 30_000 }).toContain('○ cache')
    await clickTray(app, '● shop', 'Stop all')
    await expect.poll(() => trayLabels(app), { timeout: 60_000 }).toContain('○ shop')
    const opened = app.waitForEvent('window')
    await clickTray(app, '○ shop', 'Logs of all')
    await expect((await opened).getByRole('heading', { name: 'shop', exact: true })).toBeVisible()
  })

  await test.step('a link leads the one instance to its place', async () => {
    await startAgain(dataDir, 'berth://container/docs/stats')
    const [shown] = app.windows()
    await expect(shown!.getByRole('heading', { name: 'docs', exact: true })).toBeVisible()
    await expect(shown!.getByRole('tab', { name: 'Stats' })).toHaveAttribute('aria-selected', 'true')
    expect(app.windows()).toHaveLength(1)
  })
})

test('starts hidden, and the window comes back where it was', async ({ start }) => {
  const { app, window, dataDir } = await start({ env: { BERTH_HOST: 'unix:///nowhere/berth.sock' } })
  await window.getByRole('alert').waitFor()
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.setBounds({ x: 60, y: 40, width: 950, height: 640 })) // prettier-ignore
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close())
  const opened = app.waitForEvent('window')
  await startAgain(dataDir)
  await opened
  const bounds = () => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.getBounds())
  expect(await bounds()).toMatchObject({ width: 950, height: 640 })
  await app.close()

  const hidden = await start({ env: { BERTH_HOST: 'unix:///nowhere/berth.sock' }, dataDir, args: ['--hidden'] })
  expect(hidden.app.windows()).toHaveLength(0)
})

/** Another engine than ours: a dockerd that runs already, named by BERTH_E2E_DOCKERD=unix:///PATH. */
test('attached to a real dockerd it shows and drives that', async ({ start }) => {
  const host = process.env.BERTH_E2E_DOCKERD
  test.skip(!host, 'BERTH_E2E_DOCKERD names no dockerd')
  const engine = engineAt(host!)
  await engine.docker('rm', '-f', 'desk-guest')
  await docker(engine, 'run', '-d', '--name', 'desk-guest', 'busybox', 'sh', '-c', 'echo moored; exec sleep 1000')
  const { window } = await start({ env: { BERTH_HOST: host! } })
  const containers = new ContainersPage(window)
  await expect(containers.row('desk-guest')).toContainText(/[KM]iB/)
  await containers.open('desk-guest')
  await expect(window.getByRole('log', { name: 'Log' })).toContainText('moored')
  await window.getByRole('tab', { name: 'Files' }).click()
  await expect(window.getByRole('list', { name: 'Files' })).toContainText('etc')
  await window.getByRole('tab', { name: 'Terminal' }).click()
  await expect(window.locator('.xterm-rows')).toContainText('#')
  await new Sidebar(window).open('Machine')
  await expect(window.getByRole('main')).toContainText('This engine runs elsewhere')
  await picture(window, 'attached-machine')
  await new Sidebar(window).open('Containers')
  await containers.choose('desk-guest', 'Remove')
  await containers.confirm('Stop and remove')
  await expect(containers.row('desk-guest')).toBeHidden()
})
