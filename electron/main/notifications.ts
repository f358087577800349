import { BrowserWindow, Notification } from 'electron'
import { broadcast } from './calls'
import { Endings } from './endings'
import type { EngineService } from './engine-process'
import { showWindow } from './window'

/** Shows a notification of the system's, unless the person looks at the window: there the window says it. */
export function notify(title: string, text: string, route?: string): void {
  if (!Notification.isSupported() || BrowserWindow.getFocusedWindow()) return
  const notification = new Notification({ title, body: text })
  notification.on('click', () => showWindow(route))
  notification.show()
}

/** Tells the person when the engine has failed, or a container ended badly, while the window is not in front. */
export function setupNotifications(engine: EngineService): void {
  const endings = new Endings()
  engine.onEvent((event) => {
    const ending = endings.take(event)
    if (!ending) return
    broadcast('ending', ending)
    notify(ending.title, ending.text, ending.route)
  })
  engine.onState((state) => {
    if (state.phase === 'failed') notify('The engine has stopped', `${state.message} ${state.fix}`)
  })
}
