import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { app } from 'electron'
import { dataDir } from './locations'
import { showWindow } from './window'

/**
 * One app for each data dir: a second start shows the first one's window and ends.
 * @returns false in the second one, which has to do nothing more
 */
export function setupInstance(): boolean {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  app.setPath('userData', join(dataDir, 'app'))
  if (!app.requestSingleInstanceLock()) {
    app.quit()
    return false
  }
  app.on('second-instance', () => showWindow())
  return true
}
