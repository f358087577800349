import { app } from 'electron'
import { broadcast } from './calls'
import { EngineService } from './engine-process'

/** Starts the engine with the app and ends it with the app, unless somebody else had started it. */
export function setupEngine(): EngineService {
  const engine = new EngineService()
  engine.onState((state) => broadcast('engine', state))
  void app.whenReady().then(() => engine.start())
  let stopping = false
  app.on('before-quit', (event) => {
    // Asked a second time, the app leaves at once; the engine ends by itself then.
    if (stopping || !engine.owned) return
    stopping = true
    event.preventDefault()
    void engine.stop().finally(() => app.quit())
  })
  return engine
}
