import type { ContainerInfo } from 'dockerode'
import {
  ChartLine,
  CirclePause,
  CirclePlay,
  Copy,
  FolderTree,
  Link,
  Pencil,
  ScrollText,
  Skull,
  SquareTerminal,
  Trash2,
} from '@lucide/vue'
import { computed } from 'vue'
import { useRouter } from 'vue-router'
import { call } from '../../bridge'
import { nameOf, useContainers } from '../../stores/containers'
import type { MenuItem } from '../../ui/UiMenu.vue'

/** What the "more" menu of a container offers. `removed` is called when it is gone. */
export function useContainerMenu(container: () => ContainerInfo, removed?: () => void) {
  const store = useContainers()
  const router = useRouter()
  return computed<MenuItem[]>(() => {
    const { Id, State } = container()
    const running = State === 'running'
    const busy = store.busy.has(Id)
    const open = (tab: string) => () => void router.push(`/containers/${Id}/${tab}`)
    const act = (verb: 'pause' | 'unpause' | 'kill') => () => void store.act(container(), verb)
    return [
      { label: 'Logs', icon: ScrollText, act: open('logs') },
      { label: 'Terminal', icon: SquareTerminal, disabled: !running, act: open('terminal') },
      { label: 'Files', icon: FolderTree, act: open('files') },
      { label: 'Stats', icon: ChartLine, disabled: !running, act: open('stats') },
      State === 'paused'
        ? { label: 'Resume', icon: CirclePlay, separated: true, disabled: busy, act: act('unpause') }
        : { label: 'Pause', icon: CirclePause, separated: true, disabled: busy || !running, act: act('pause') },
      { label: 'Kill', icon: Skull, disabled: busy || !store.applies('kill', container()), act: act('kill') },
      { label: 'Rename', icon: Pencil, act: () => void store.rename(container()) },
      { label: 'Copy id', icon: Copy, separated: true, act: () => void call('app', 'copy', Id) },
      {
        label: 'Copy link',
        icon: Link,
        act: () => void call('app', 'copy', `berth://container/${nameOf(container())}`),
      },
      {
        label: 'Remove',
        icon: Trash2,
        separated: true,
        danger: true,
        disabled: busy,
        act: async () => {
          if (await store.remove(container())) removed?.()
        },
      },
    ]
  })
}
