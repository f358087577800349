import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { app } from 'electron'
import { linkScheme, routeOfLink } from '../../shared/deep-link'
import { dataDir } from './locations'
import { showWindow } from './window'

/** Berth was started to live in the tray; a window comes when it is asked for. */
export const startsHidden = process.argv.includes('--hidden')

/** The route that a command line's deep link leads to. */
const routeOf = (args: readonly string[]) => args.map(routeOfLink).find((route) => route !== undefined)

/** The route that this start was asked for, by a link that started the app. */
export const firstRoute = routeOf(process.argv)

/**
 * One app for each data dir: a second start shows the first one's window, at its link's place when it has one, and ends.
 * @returns false in the second one, which has to do nothing more
 */
export function setupInstance(): boolean {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  app.setPath('userData', join(dataDir, 'app'))
  if (!app.requestSingleInstanceLock()) {
    app.quit()
    return false
  }
  // In development the scheme would be given to Electron itself.
  if (app.isPackaged) app.setAsDefaultProtocolClient(linkScheme)
  app.on('second-instance', (_event, args) => showWindow(routeOf(args)))
  // macOS hands links over this way.
  app.on('open-url', (event, link) => {
    event.preventDefault()
    const route = routeOfLink(link)
    if (route) void app.whenReady().then(() => showWindow(route))
  })
  return true
}
