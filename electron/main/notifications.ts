import { BrowserWindow, Notification } from 'electron'
import type { EngineService } from './engine-process'
import { showWindow } from './window'

/** Tells the person when the engine has failed while the window is not in front. */
export function setupNotifications(engine: EngineService): void {
  engine.onState((state) => {
    if (state.phase !== 'failed' || !Notification.isSupported() || BrowserWindow.getFocusedWindow()) return
    const notification = new Notification({ title: 'The engine has stopped', body: `${state.message} ${state.fix}` })
    notification.on('click', () => showWindow())
    notification.show()
  })
}
