import { app, session } from 'electron'
import { appOrigin } from './locations'

/**
 * What of Electron's security checklist is about every web content and session at once. The rest: the window's own
 * preferences (window.ts), the content security policy and the protocol instead of file:// (protocol.ts), the check of
 * a call's sender (calls.ts), what may be opened outside (handlers.ts), fuses (electron-builder.yml).
 */
export function setupSecurity(): void {
  // Root can't have Chromium's sandbox and starts with --no-sandbox; pages still get no Node (window.ts).
  if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox()
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event, url) => {
      if (!url.startsWith(`${appOrigin}/`)) event.preventDefault()
    })
    contents.on('will-redirect', (event) => event.preventDefault())
    contents.on('will-attach-webview', (event) => event.preventDefault())
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
  })
  void app.whenReady().then(() => {
    // Copying is all the window asks for, and a click comes before it; everything else is denied.
    const allowed = new Set(['clipboard-sanitized-write'])
    session.defaultSession.setPermissionRequestHandler((contents, permission, answer) =>
      answer(allowed.has(permission) && contents.getURL().startsWith(`${appOrigin}/`)),
    )
    session.defaultSession.setPermissionCheckHandler(
      (_contents, permission, origin) => allowed.has(permission) && origin.replace(/\/$/, '') === appOrigin,
    )
    session.defaultSession.setDevicePermissionHandler(() => false)
  })
}
