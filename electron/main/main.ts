import { setupCalls } from './calls'
import { setupEngine } from './engine'
import { createHandlers } from './handlers'
import { setupInstance } from './instance'
import { setupMenu } from './menu'
import { setupNotifications } from './notifications'
import { setupProtocol } from './protocol'
import { setupSecurity } from './security'
import { Settings } from './settings'
import { setupTerminals } from './terminal'
import { setupTray } from './tray'
import { setupWindow } from './window'

if (setupInstance()) {
  setupSecurity()
  const settings = new Settings()
  const engine = setupEngine()
  setupProtocol(engine)
  setupCalls(createHandlers(engine, settings))
  setupTerminals(engine)
  setupMenu()
  setupWindow()
  setupTray(engine)
  setupNotifications(engine)
}
