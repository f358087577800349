import { join } from 'node:path'
import { app, Menu, nativeImage, shell, Tray } from 'electron'
import { callEngine } from './engine-client'
import type { EngineService } from './engine-process'
import { iconsDir } from './locations'
import { notify } from './notifications'
import { type ContainerSummary, type Resources, stateWords, type TrayActions, trayMenu } from './tray-menu'
import { showWindow } from './window'

const changing = new Set(['create', 'start', 'die', 'destroy', 'rename', 'pause', 'unpause'])
/** Several events come together (die, stop, start): they are answered by one look at the engine. */
const settleMs = 150

/** The tray's icon and menu, kept up to date by the engine's events. It works without a window. */
export function setupTray(engine: EngineService): void {
  void app.whenReady().then(() => {
    const name = process.platform === 'darwin' ? 'trayTemplate.png' : 'tray.png'
    const tray = new Tray(nativeImage.createFromPath(join(iconsDir, name)))
    const actions = actionsOn(engine)
    let containers: ContainerSummary[] = []
    let resources: Resources | undefined
    let timer: NodeJS.Timeout | undefined

    const draw = () => {
      tray.setToolTip(`Berth: ${stateWords(engine.state)}`)
      tray.setContextMenu(Menu.buildFromTemplate(trayMenu(engine.state, containers, resources, actions)))
    }
    const refresh = async () => {
      timer = undefined
      const { state } = engine
      const read = <T>(path: string) =>
        state.phase === 'running' ? callEngine<T>(state.host, 'GET', path).catch(() => undefined) : undefined
      const [all, info] = await Promise.all([read<ContainerSummary[]>('/containers/json?all=1'), read<Resources>('/info')]) // prettier-ignore
      containers = all ?? []
      resources = info
      draw()
    }
    engine.onState(() => void refresh())
    engine.onEvent(({ Type, Action }) => {
      if (Type === 'container' && changing.has(Action)) timer ??= setTimeout(() => void refresh(), settleMs)
    })
    tray.on('click', () => showWindow())
    draw()
  })
}

function actionsOn(engine: EngineService): TrayActions {
  return {
    show: (route) => showWindow(route),
    act(ids, verb) {
      const { state } = engine
      if (state.phase !== 'running') return
      for (const id of ids)
        callEngine(state.host, 'POST', `/containers/${id}/${verb}`).catch((error: Error) =>
          notify(`A container could not ${verb}`, error.message, `/containers/${id}`),
        )
    },
    openPort: (port) => void shell.openExternal(`http://localhost:${port}/`),
    pause: () => void engine.stop(),
    resume: () => void engine.start(),
    quit: () => app.quit(),
  }
}
