import type { MenuItemConstructorOptions } from 'electron'
import type { EngineState } from '../../shared/app'

/** What GET /containers/json tells, the part that the menu needs. */
export interface ContainerSummary {
  Id: string
  Names: string[]
  State: string
  Created: number
  Labels: Record<string, string> | null
  Ports: { PublicPort?: number; PrivatePort: number; Type: string }[]
}

/** What the machine has, and what of it runs: GET /info. */
export interface Resources {
  NCPU: number
  MemTotal: number
  ContainersRunning: number
  Containers: number
}

/** What the menu's items do. */
export interface TrayActions {
  show(route?: string): void
  act(ids: string[], verb: 'start' | 'stop' | 'restart'): void
  openPort(port: number): void
  pause(): void
  resume(): void
  quit(): void
}

const words: Record<EngineState['phase'], string> = {
  starting: 'Engine is starting',
  running: 'Engine is running',
  stopping: 'Engine is stopping',
  paused: 'Engine is paused',
  failed: 'Engine has failed',
}
export const stateWords = (state: EngineState) => words[state.phase]

/** How many entries the menu names; the window has the rest. */
const shown = 20
const projectLabel = 'com.docker.compose.project'
const nameOf = ({ Names, Id }: ContainerSummary) => Names[0]?.slice(1) ?? Id.slice(0, 12)
const mark = (running: boolean) => (running ? '●' : '○')

/** The tray's whole menu: state, stacks, containers, the engine, the app. */
export function trayMenu(
  state: EngineState,
  containers: readonly ContainerSummary[],
  resources: Resources | undefined,
  actions: TrayActions,
): MenuItemConstructorOptions[] {
  const items: MenuItemConstructorOptions[] = [{ label: words[state.phase], enabled: false }]
  if (resources)
    items.push({
      label: `${resources.ContainersRunning} of ${resources.Containers} containers run, on ${resources.NCPU} CPUs and ${(resources.MemTotal / 2 ** 30).toFixed(1)} GiB`,
      enabled: false,
    })
  items.push({ label: 'Open Berth', click: () => actions.show() }, { type: 'separator' })
  const entries = entriesOf(containers, actions)
  if (entries.length) {
    items.push(...entries.slice(0, shown))
    if (entries.length > shown)
      items.push({ label: `${entries.length - shown} more`, click: () => actions.show('/containers') })
    items.push({ type: 'separator' })
  }
  items.push({ label: 'Run a container', enabled: state.phase === 'running', click: () => actions.show('/containers?run') }) // prettier-ignore
  if (state.phase === 'running')
    items.push({
      label: state.owned ? 'Pause engine' : 'Pause engine (it was started elsewhere)',
      enabled: state.owned,
      click: actions.pause,
    })
  else
    items.push({ label: 'Resume engine', enabled: state.phase === 'paused' || state.phase === 'failed', click: actions.resume }) // prettier-ignore
  items.push(
    { type: 'separator' },
    { label: 'Settings', click: () => actions.show('/settings') },
    { label: 'Quit Berth', click: actions.quit },
  )
  return items
}

/** Stacks and loose containers, those that run first, then the newest. */
function entriesOf(containers: readonly ContainerSummary[], actions: TrayActions): MenuItemConstructorOptions[] {
  const stacks = new Map<string, ContainerSummary[]>()
  const loose: ContainerSummary[] = []
  for (const container of containers) {
    const project = container.Labels?.[projectLabel]
    if (project === undefined) loose.push(container)
    else stacks.set(project, [...(stacks.get(project) ?? []), container])
  }
  const runs = ({ State }: ContainerSummary) => State === 'running'
  return [
    ...[...stacks].map(([name, members]) => ({ members, item: stackItem(name, members, actions) })),
    ...loose.map((container) => ({ members: [container], item: containerItem(container, actions) })),
  ]
    .sort(
      (a, b) =>
        Number(b.members.some(runs)) - Number(a.members.some(runs)) || b.members[0]!.Created - a.members[0]!.Created,
    ) // prettier-ignore
    .map(({ item }) => item)
}

function stackItem(name: string, members: ContainerSummary[], actions: TrayActions): MenuItemConstructorOptions {
  const running = members.filter(({ State }) => State === 'running')
  const ids = members.map(({ Id }) => Id)
  return {
    label: `${mark(running.length > 0)} ${name}`,
    submenu: [
      { label: 'Start all', enabled: running.length < members.length, click: () => actions.act(ids, 'start') },
      { label: 'Stop all', enabled: running.length > 0, click: () => actions.act(running.map(({ Id }) => Id), 'stop') }, // prettier-ignore
      { label: 'Restart all', enabled: running.length > 0, click: () => actions.act(ids, 'restart') },
      { label: 'Logs of all', click: () => actions.show(`/stacks/${encodeURIComponent(name)}`) },
      { type: 'separator' },
      ...members.map((member) => containerItem(member, actions)),
    ],
  }
}

function containerItem(container: ContainerSummary, actions: TrayActions): MenuItemConstructorOptions {
  const { Id, State, Ports } = container
  const running = State === 'running'
  const ports = [...new Set(Ports.flatMap(({ PublicPort, Type }) => (PublicPort && Type === 'tcp' ? [PublicPort] : [])))] // prettier-ignore
  const show = (tab: string) => () => actions.show(`/containers/${Id}/${tab}`)
  return {
    label: `${mark(running)} ${nameOf(container)}`,
    submenu: [
      running
        ? { label: 'Stop', click: () => actions.act([Id], 'stop') }
        : { label: 'Start', click: () => actions.act([Id], 'start') },
      { label: 'Restart', enabled: running, click: () => actions.act([Id], 'restart') },
      { type: 'separator' },
      { label: 'Logs', click: show('logs') },
      { label: 'Terminal', enabled: running, click: show('terminal') },
      ...ports.map((port) => ({ label: `Open port ${port} in the browser`, enabled: running, click: () => actions.openPort(port) })), // prettier-ignore
    ],
  }
}
