import { setupCalls } from './calls'
import { setupEngine } from './engine'
import { createHandlers } from './handlers'
import { firstRoute, setupInstance, startsHidden } from './instance'
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
  setupWindow({ hidden: startsHidden, route: firstRoute })
  setupTray(engine)
  setupNotifications(engine)
}
