import type { ContainerInspectInfo } from 'dockerode'
import { computed, ref, shallowRef, watch } from 'vue'
import { json, messageOf } from '../api/client'
import { useContainers } from '../stores/containers'

/** One container: its summary from the list, and its details, read again whenever the summary changes. */
export function useContainer(id: () => string) {
  const containers = useContainers()
  const summary = computed(() => containers.byId.get(id()))
  const details = shallowRef<ContainerInspectInfo>()
  const error = ref<string>()

  watch(
    [id, summary],
    async ([wanted, now]) => {
      if (!now) return (details.value = undefined)
      try {
        const read = await json<ContainerInspectInfo>('GET', `/containers/${wanted}/json`)
        if (id() === wanted) details.value = read
        error.value = undefined
      } catch (cause) {
        error.value = messageOf(cause)
      }
    },
    { immediate: true },
  )
  return { summary, details, error }
}
