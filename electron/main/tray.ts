import { join } from 'node:path'
import { app, Menu, type MenuItemConstructorOptions, nativeImage, Tray } from 'electron'
import type { EngineState } from '../../shared/app'
import { callEngine } from './engine-client'
import type { EngineService } from './engine-process'
import { iconsDir } from './locations'
import { showWindow } from './window'

/** How many of the newest containers the menu names. */
const recent = 8

interface ContainerSummary {
  Id: string
  Names: string[]
  State: string
}

const words: Record<EngineState['phase'], string> = {
  starting: 'Engine is starting',
  running: 'Engine is running',
  stopping: 'Engine is stopping',
  paused: 'Engine is paused',
  failed: 'Engine has failed',
}

/** The tray's icon and menu: the engine's state, the newest containers, and the app itself. */
export function setupTray(engine: EngineService): void {
  void app.whenReady().then(() => {
    const name = process.platform === 'darwin' ? 'trayTemplate.png' : 'tray.png'
    const tray = new Tray(nativeImage.createFromPath(join(iconsDir, name)))
    let containers: ContainerSummary[] = []

    const draw = () => {
      tray.setToolTip(`Berth: ${words[engine.state.phase]}`)
      tray.setContextMenu(Menu.buildFromTemplate(menu(engine, containers)))
    }
    const refresh = async () => {
      const { state } = engine
      containers =
        state.phase === 'running'
          ? await callEngine<ContainerSummary[]>(state.host, 'GET', `/containers/json?limit=${recent}`).catch(() => [])
          : []
      draw()
    }
    engine.onState(() => void refresh())
    engine.onEvent(({ Type, Action }) => {
      if (Type === 'container' && ['create', 'start', 'die', 'destroy', 'rename'].includes(Action)) void refresh()
    })
    tray.on('click', () => showWindow())
    draw()
  })
}

function menu(engine: EngineService, containers: ContainerSummary[]): MenuItemConstructorOptions[] {
  const { state } = engine
  const items: MenuItemConstructorOptions[] = [
    { label: words[state.phase], enabled: false },
    { label: 'Open Berth', click: () => showWindow() },
    { type: 'separator' },
  ]
  if (containers.length)
    items.push(...containers.map((container) => containerItem(engine, container)), { type: 'separator' })
  if (state.phase === 'running')
    items.push({
      label: state.owned ? 'Pause engine' : 'Pause engine (it was started elsewhere)',
      enabled: state.owned,
      click: () => void engine.stop(),
    })
  else
    items.push({
      label: 'Resume engine',
      enabled: state.phase === 'paused' || state.phase === 'failed',
      click: () => void engine.start(),
    })
  items.push({ label: 'Quit Berth', click: () => app.quit() })
  return items
}

function containerItem(engine: EngineService, { Id, Names, State }: ContainerSummary): MenuItemConstructorOptions {
  const running = State === 'running'
  const act = (verb: string) => {
    const { state } = engine
    if (state.phase === 'running')
      void callEngine(state.host, 'POST', `/containers/${Id}/${verb}`).catch(() => showWindow(`/containers/${Id}`))
  }
  return {
    label: `${running ? '●' : '○'} ${Names[0]?.slice(1) ?? Id.slice(0, 12)}`,
    submenu: [
      running ? { label: 'Stop', click: () => act('stop') } : { label: 'Start', click: () => act('start') },
      { label: 'Restart', enabled: running, click: () => act('restart') },
      { label: 'Show', click: () => showWindow(`/containers/${Id}`) },
    ],
  }
}
