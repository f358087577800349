import { expect, test } from './app'

/** Electron's own checklist (electronjs.org, "Security"), as far as it can be seen on the running app. */
test('the window is locked', async ({ start }) => {
  const { app, window } = await start({ env: { BERTH_HOST: 'unix:///nowhere/berth.sock' } })
  await expect(window.getByRole('alert')).toBeVisible()

  await test.step('a page of our own scheme, with a strict policy', async () => {
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

  await test.step('no Node, context isolation, sandboxed preferences, no webview', async () => {
    const globals = ['require', 'process', 'module', 'Buffer', 'global', 'ipcRenderer', 'electron']
    expect(await window.evaluate((names) => names.filter((name) => name in globalThis), globals)).toEqual([])
    expect(await window.evaluate(() => Object.keys(self.berth).sort())).toEqual(['call', 'on', 'platform'])
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
  })

  await test.step('no new windows, no permissions, no other hosts', async () => {
    expect(await window.evaluate(() => self.open('https://example.org/'))).toBeNull()
    expect(await window.evaluate(() => Notification.requestPermission())).toBe('denied')
    expect((await navigatorPermission(window, 'geolocation')) === 'granted').toBe(false)
    await expect(window.evaluate(() => fetch('https://example.org/'))).rejects.toThrow('Failed to fetch')
    expect(app.windows()).toHaveLength(1)
  })

  await test.step('only listed calls, with checked arguments', async () => {
    const call = (domain: string, name: string, ...args: unknown[]) =>
      window.evaluate(([d, n, a]) => self.berth.call(d, n, a), [domain, name, args] as const)
    expect(await call('appearance', 'theme')).toEqual({ value: 'system' })
    expect(await call('app', 'constructor')).toEqual({ error: 'No such call: app.constructor' })
    expect(await call('__proto__', 'toString')).toEqual({ error: 'No such call: __proto__.toString' })
    expect(await call('app', 'openPort', 'file:///etc/passwd')).toEqual({ error: 'Not a port: file:///etc/passwd' })
    expect(await call('appearance', 'setTheme', 'pink')).toEqual({ error: 'Appearance: No such theme: pink' })
  })

  await test.step('files outside the renderer are not served', async () => {
    const statuses = await window.evaluate(
      () =>
      Promise.all(['/../main/index.js', '/%2e%2e/main/index.js', '/..%2fmain/index.js', '/nothing.js'].map((path) => fetch(path).then(({ status }) => status))), // prettier-ignore
    )
    expect(statuses).toEqual([404, 404, 404, 404])
  })

  // Last, because Playwright waits for a navigation that never ends.
  await test.step('no navigation', async () => {
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
