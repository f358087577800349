import { app } from 'electron'
import { broadcast } from './calls'
import { EngineService } from './engine-process'

/** Starts the engine with the app and ends it with the app, unless somebody else had started it. */
export function setupEngine(): EngineService {
  const engine = new EngineService()
  engine.onState((state) => broadcast('engine', state))
  void app.whenReady().then(() => engine.start())
  let quitting = false
  app.on('before-quit', (event) => {
    if (quitting) return
    quitting = true
    event.preventDefault()
    void engine.stop().finally(() => app.quit())
  })
  return engine
}
