import {
  Box,
  Database,
  Keyboard,
  Layers,
  Monitor,
  Moon,
  Network,
  Pause,
  Play,
  RotateCw,
  ScrollText,
  Square,
  SquareTerminal,
  Sun,
} from '@lucide/vue'
import { type Component, computed, shallowRef } from 'vue'
import { useRouter } from 'vue-router'
import type { Theme } from '../../shared/app'
import { json } from './api/client'
import { call } from './bridge'
import { palette } from './composables/usePalette'
import { familiarName } from './lib/format'
import { pages } from './pages'
import { stacksOf } from './pages/containers/stacks'
import { nameOf, useContainers } from './stores/containers'
import { useEngine } from './stores/engine'
import { titleOf, useImages } from './stores/images'

export interface Command {
  /** Unique; also what the memory of recent choices goes by. */
  id: string
  group: 'Pages' | 'Containers' | 'Stacks' | 'Images' | 'Volumes' | 'Networks' | 'Berth'
  icon: Component
  label: string
  /** What else it can be found by, and is shown small. */
  note?: string
  act: () => void
}

/** Everything that the palette offers: pages, objects and what can be done to them. `load` reads what no store has. */
export function useCommands() {
  const router = useRouter()
  const containers = useContainers()
  const images = useImages()
  const engine = useEngine()
  const others = shallowRef<Command[]>([])
  const go = (path: string) => () => void router.push(path)

  async function load(): Promise<void> {
    if (!engine.running) return void (others.value = [])
    const [volumes, networks] = await Promise.all([
      json<{ Volumes: { Name: string }[] | null }>('GET', '/volumes'),
      json<{ Id: string; Name: string }[]>('GET', '/networks'),
    ])
    others.value = [
      ...(volumes.Volumes ?? []).map(({ Name }): Command => ({ id: `volume ${Name}`, group: 'Volumes', icon: Database, label: Name, act: go(`/volumes/${encodeURIComponent(Name)}`) })), // prettier-ignore
      ...networks.map(({ Id, Name }): Command => ({ id: `network ${Id}`, group: 'Networks', icon: Network, label: Name, act: go(`/networks/${Id}`) })), // prettier-ignore
    ].filter(({ group }) => pages.flat().some(({ label }) => label === group))
  }

  const ofPages = pages
    .flat()
    .map(({ path, label, icon }): Command => ({ id: path, group: 'Pages', icon, label, act: go(path) }))

  const ofContainers = computed(() =>
    containers.list.flatMap((container): Command[] => {
      const { Id, State } = container
      const name = nameOf(container)
      const running = State === 'running'
      const make = (verb: string, label: string, icon: Component, act: () => void): Command => ({ id: `${verb} ${Id}`, group: 'Containers', icon, label, note: familiarName(container.Image), act }) // prettier-ignore
      return [
        make('show', name, Box, go(`/containers/${Id}`)),
        running
          ? make('stop', `Stop ${name}`, Square, () => void containers.act(container, 'stop'))
          : make('start', `Start ${name}`, Play, () => void containers.act(container, 'start')),
        ...(running
          ? [
              make('restart', `Restart ${name}`, RotateCw, () => void containers.act(container, 'restart')),
              make('terminal', `Terminal in ${name}`, SquareTerminal, go(`/containers/${Id}/terminal`)),
            ]
          : []),
        make('logs', `Logs of ${name}`, ScrollText, go(`/containers/${Id}/logs`)),
      ]
    }),
  )

  const ofStacks = computed(
    () =>
    stacksOf(containers.list).map(({ name, members }): Command => ({ id: `stack ${name}`, group: 'Stacks', icon: ScrollText, label: `Logs of stack ${name}`, note: `${members.length} containers`, act: go(`/stacks/${encodeURIComponent(name)}`) })), // prettier-ignore
  )

  const ofImages = computed(
    () =>
    images.list.map((image): Command => ({ id: `image ${image.id}`, group: 'Images', icon: Layers, label: titleOf(image), act: go('/images') })), // prettier-ignore
  )

  const ofBerth = computed((): Command[] => {
    const theme = (value: Theme, label: string, icon: Component): Command => ({ id: `theme ${value}`, group: 'Berth', icon, label, act: () => void call('appearance', 'setTheme', value) }) // prettier-ignore
    const { state } = engine
    return [
      { id: 'run', group: 'Berth', icon: Play, label: 'Run a container', act: go('/containers?run') },
      ...(state.phase === 'running' && state.owned ? [{ id: 'pause', group: 'Berth', icon: Pause, label: 'Pause engine', act: () => void engine.pause() } as const] : []), // prettier-ignore
      ...(state.phase === 'paused' ? [{ id: 'resume', group: 'Berth', icon: Play, label: 'Resume engine', act: () => void engine.resume() } as const] : []), // prettier-ignore
      theme('system', 'Theme like the system', Monitor),
      theme('light', 'Light theme', Sun),
      theme('dark', 'Dark theme', Moon),
      { id: 'shortcuts', group: 'Berth', icon: Keyboard, label: 'Keyboard shortcuts', act: () => (palette.shortcuts = true) }, // prettier-ignore
    ]
  })

  const commands = computed(() => [
    ...ofPages,
    ...ofContainers.value,
    ...ofStacks.value,
    ...ofImages.value,
    ...others.value,
    ...ofBerth.value,
  ])
  return { commands, load }
}
