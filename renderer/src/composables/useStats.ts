import { computed, type ComputedRef, onScopeDispose, watch } from 'vue'
import { type LiveUsage, useStatsStore } from '../stores/stats'

/** What containers use, by id, while the caller is mounted: `ids` may change, only running ones have figures. */
export function useStatsOf(ids: () => readonly string[]): ReadonlyMap<string, LiveUsage> {
  const store = useStatsStore()
  const looks = new Map<string, () => void>()
  watch(
    () => ids().join(' '),
    () => {
      const wanted = new Set(ids())
      for (const id of wanted) if (!looks.has(id)) looks.set(id, store.look(id))
      for (const [id, end] of looks)
        if (!wanted.has(id)) {
          end()
          looks.delete(id)
        }
    },
    { immediate: true },
  )
  onScopeDispose(() => looks.forEach((end) => end()))
  return store.live
}

/** The same for one container, or none. */
export function useStats(id: () => string | undefined): ComputedRef<LiveUsage | undefined> {
  const live = useStatsOf(() => [id() ?? []].flat())
  return computed(() => (id() === undefined ? undefined : live.get(id()!)))
}
