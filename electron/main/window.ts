import { join } from 'node:path'
import { app, BrowserWindow, nativeTheme } from 'electron'
import { broadcast } from './calls'
import { appOrigin, iconsDir, preloadScript } from './locations'
import { keepWindowState, windowState } from './window-state'

let window: BrowserWindow | undefined

/** Shows the one window, making it when it is not there, and goes to `route` when one is given. */
export function showWindow(route?: string): void {
  if (window) {
    if (window.isMinimized()) window.restore()
    window.show()
    window.focus()
    if (route) broadcast('navigate', route)
    return
  }
  const { maximized, ...bounds } = windowState()
  window = new BrowserWindow({
    ...bounds,
    minWidth: 760,
    minHeight: 480,
    show: false,
    title: 'Berth',
    icon: join(iconsDir, 'icon.png'),
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#111518' : '#ffffff',
    autoHideMenuBar: true,
    titleBarStyle: process.platform === 'darwin' ? 'hiddenInset' : 'default',
    webPreferences: {
      preload: preloadScript,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      webSecurity: true,
      spellcheck: false,
    },
  })
  keepWindowState(window)
  window.once('ready-to-show', () => (maximized ? window?.maximize() : window?.show()))
  window.on('closed', () => (window = undefined))
  void window.loadURL(`${appOrigin}/#${route ?? '/'}`)
}

/** The window, from the start on unless `hidden`; the app lives on in the tray when it is closed. */
export function setupWindow({ hidden, route }: { hidden: boolean; route?: string }): void {
  void app.whenReady().then(() => hidden || showWindow(route))
  app.on('activate', () => showWindow())
  app.on('window-all-closed', () => undefined)
}
