import type { ContainerInfo } from 'dockerode'
import { Braces, Copy, ScrollText, SquareTerminal, Trash2 } from '@lucide/vue'
import { computed } from 'vue'
import { useRouter } from 'vue-router'
import { call } from '../../bridge'
import { useContainers } from '../../stores/containers'
import type { MenuItem } from '../../ui/UiMenu.vue'

/** What the "more" menu of a container offers. `removed` is called when it is gone. */
export function useContainerMenu(container: () => ContainerInfo, removed?: () => void) {
  const store = useContainers()
  const router = useRouter()
  return computed<MenuItem[]>(() => {
    const { Id, State } = container()
    const open = (tab: string) => () => void router.push(`/containers/${Id}/${tab}`)
    return [
      { label: 'Logs', icon: ScrollText, act: open('logs') },
      { label: 'Terminal', icon: SquareTerminal, disabled: State !== 'running', act: open('terminal') },
      { label: 'Inspect', icon: Braces, act: open('inspect') },
      { label: 'Copy id', icon: Copy, act: () => void call('app', 'copy', Id) },
      {
        label: 'Remove',
        icon: Trash2,
        danger: true,
        disabled: store.busy.has(Id),
        act: async () => {
          if (await store.remove(container())) removed?.()
        },
      },
    ]
  })
}
