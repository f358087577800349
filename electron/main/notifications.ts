import { BrowserWindow, Notification } from 'electron'
import type { EngineService } from './engine-process'
import { showWindow } from './window'

/** Shows a notification of the system's, unless the person looks at the window: there the window says it. */
export function notify(title: string, text: string, route?: string): void {
  if (!Notification.isSupported() || BrowserWindow.getFocusedWindow()) return
  const notification = new Notification({ title, body: text })
  notification.on('click', () => showWindow(route))
  notification.show()
}

/** Tells the person when the engine has failed while the window is not in front. */
export function setupNotifications(engine: EngineService): void {
  engine.onState((state) => {
    if (state.phase === 'failed') notify('The engine has stopped', `${state.message} ${state.fix}`)
  })
}
