import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from './app'

/**
 * Electron's own checklist (electronjs.org, "Security"), its twenty points by their numbers, on the running app; the
 * two that are about what is installed (16, 19) on what a package is made from.
 */
test('the window is locked', async ({ start }) => {
  const { app, window } = await start({ env: { BERTH_HOST: 'unix:///nowhere/berth.sock' } })
  await expect(window.getByRole('alert')).toBeVisible()

  await test.step('1, 7, 18: a page of our own scheme, with a strict policy', async () => {
    expect(window.url()).toMatch(/^berth-app:\/\/window\//)
    const headers = await window.evaluate(async () => Object.fromEntries((await fetch('/index.html')).headers))
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).toContain("script-src 'self';")
    expect(await window.evaluate(() => isSecureContext)).toBe(true)
    const inlineScriptRan = await window.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'self.inlineScriptRan = true'
      document.body.append(script)
      return 'inlineScriptRan' in self
    })
    expect(inlineScriptRan).toBe(false)
  })

  await test.step('2, 3, 4, 6, 8, 9, 10, 20: no Node, isolation, sandbox, nothing of Electron in the page', async () => {
    const globals = ['require', 'process', 'module', 'Buffer', 'global', 'ipcRenderer', 'electron']
    expect(await window.evaluate((names) => names.filter((name) => name in globalThis), globals)).toEqual([])
    expect(await window.evaluate(() => Object.keys(self.berth).sort())).toEqual(['call', 'on', 'pathOf', 'platform'])
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const { webContents } = BrowserWindow.getAllWindows()[0]!
      return (webContents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences()
    })
    expect(preferences).toMatchObject({
      contextIsolation: true,
      nodeIntegration: false,
      sandbox: true,
      webSecurity: true,
    })
    expect(preferences.webviewTag).toBeFalsy()
    expect(preferences.allowRunningInsecureContent).toBeFalsy()
    expect(preferences.experimentalFeatures).toBeFalsy()
    expect(preferences.enableBlinkFeatures).toBeFalsy()
  })

  await test.step('5, 14: no new windows, no permissions, no other hosts', async () => {
    expect(await window.evaluate(() => self.open('https://example.org/'))).toBeNull()
    expect(await window.evaluate(() => Notification.requestPermission())).toBe('denied')
    expect((await navigatorPermission(window, 'geolocation')) === 'granted').toBe(false)
    await expect(window.evaluate(() => fetch('https://example.org/'))).rejects.toThrow('Failed to fetch')
    expect(app.windows()).toHaveLength(1)
  })

  await test.step('15, 17: only listed calls, with checked arguments; nothing but ports of this computer is opened', async () => {
    const call = (domain: string, name: string, ...args: unknown[]) =>
      window.evaluate(([d, n, a]) => self.berth.call(d, n, a), [domain, name, args] as const)
    expect(await call('appearance', 'theme')).toEqual({ value: 'system' })
    expect(await call('app', 'constructor')).toEqual({ error: 'No such call: app.constructor' })
    expect(await call('__proto__', 'toString')).toEqual({ error: 'No such call: __proto__.toString' })
    expect(await call('app', 'openPort', 'file:///etc/passwd')).toEqual({ error: 'Not a port: file:///etc/passwd' })
    expect(await call('appearance', 'setTheme', 'pink')).toEqual({ error: 'Appearance: No such theme: pink' })
  })

  await test.step('11, 12: a webview is refused, even where one could be made', async () => {
    const attached = await app.evaluate(async ({ BrowserWindow, app: electron }) => {
      const host = new BrowserWindow({ show: false, webPreferences: { webviewTag: true } })
      const prevented = new Promise<boolean>((resolve) =>
        host.webContents.once('will-attach-webview', (event) => setImmediate(() => resolve(event.defaultPrevented))),
      )
      await host.loadFile(`${electron.getAppPath()}/out/renderer/index.html`).catch(() => undefined)
      void host.webContents.executeJavaScript(
        `{ const view = document.createElement('webview'); view.src = 'about:blank'; document.body.append(view) }`,
      )
      const refused = await prevented
      host.destroy()
      return !refused
    })
    expect(attached).toBe(false)
  })

  await test.step('17: a page that is not ours gets no answer, though it has the bridge', async () => {
    const answer = await app.evaluate(async ({ BrowserWindow, app: electron }) => {
      const stranger = new BrowserWindow({ show: false, webPreferences: { preload: `${electron.getAppPath()}/out/preload/index.js` } }) // prettier-ignore
      await stranger.loadURL('data:text/html,<p>stranger')
      const said: string = await stranger.webContents.executeJavaScript(
        `window.berth.call('appearance', 'theme', []).then(() => 'answered', (error) => error.message)`,
      )
      stranger.destroy()
      return said
    })
    expect(answer).toContain('not ours')
  })

  await test.step('16, 19: a current Electron, and its fuses set', async () => {
    const project = join(__dirname, '..')
    const { devDependencies } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'))
    expect(Number(devDependencies.electron.split('.')[0])).toBeGreaterThanOrEqual(45)
    const builder = await readFile(join(project, 'electron-builder.yml'), 'utf8')
    for (const fuse of [
      'runAsNode: false',
      'enableNodeOptionsEnvironmentVariable: false',
      'enableNodeCliInspectArguments: false',
      'enableCookieEncryption: true',
      'onlyLoadAppFromAsar: true',
    ])
      // prettier-ignore
      expect(builder).toContain(`  ${fuse}\n`)
  })

  await test.step('files outside the renderer are not served', async () => {
    const statuses = await window.evaluate(
      () =>
      Promise.all(['/../main/index.js', '/%2e%2e/main/index.js', '/..%2fmain/index.js', '/nothing.js'].map((path) => fetch(path).then(({ status }) => status))), // prettier-ignore
    )
    expect(statuses).toEqual([404, 404, 404, 404])
  })

  // Last, because Playwright waits for a navigation that never ends.
  await test.step('13: no navigation', async () => {
    const prevented = app.evaluate(
      ({ BrowserWindow }) =>
        new Promise<boolean>((resolve) => {
          const { webContents } = BrowserWindow.getAllWindows()[0]!
          webContents.once('will-navigate', (event) => setImmediate(() => resolve(event.defaultPrevented)))
        }),
    )
    await window.evaluate(() => void setTimeout(() => (location.href = 'https://example.org/'), 100))
    expect(await prevented).toBe(true)
  })
})

function navigatorPermission(window: import('@playwright/test').Page, name: 'geolocation'): Promise<string> {
  return window.evaluate(
    (permission) => navigator.permissions.query({ name: permission }).then(({ state }) => state),
    name,
  )
}
