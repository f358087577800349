import type { ContainerStats } from 'dockerode'
import { defineStore } from 'pinia'
import { effectScope, shallowReactive, watch } from 'vue'
import { eachJsonLine, request } from '../api/client'
import { useDocumentVisibility } from '../composables/useDocumentVisibility'
import { addUsage, emptyHistory, type Usage, type UsageHistory, usageOf } from '../lib/stats'

/** Figures that are kept of a container: ten minutes. */
const kept = 600

export interface LiveUsage {
  now?: Usage
  history: UsageHistory
}

/**
 * What running containers use, by id. One stream of GET /containers/{id}/stats each, a figure a second, shared by all
 * who look at it; it ends when nobody does, or when the window is out of view.
 */
export const useStatsStore = defineStore('stats', () => {
  const live = shallowReactive(new Map<string, LiveUsage>())
  const watched = new Map<string, { lookers: number; abort?: AbortController }>()
  const visible = useDocumentVisibility()

  function open(id: string): void {
    const abort = (watched.get(id)!.abort = new AbortController())
    const take = (stats: ContainerStats) => {
      const now = usageOf(stats)
      const before = live.get(id)
      if (now)
        live.set(id, {
          now,
          history: addUsage(before?.history ?? emptyHistory(), Date.now() / 1000, now, before?.now, kept),
        })
    }
    request('GET', `/containers/${id}/stats`, { query: { stream: 1 }, signal: abort.signal })
      .then((response) => eachJsonLine(response, take))
      // A stream that breaks leaves the last figures; the next look opens another.
      .catch(() => undefined)
  }

  /** Begins to look at a container; gives what ends it. */
  function look(id: string): () => void {
    const entry = watched.get(id) ?? { lookers: 0 }
    watched.set(id, entry)
    if (entry.lookers++ === 0 && visible.value) open(id)
    return () => {
      if (--entry.lookers > 0) return
      entry.abort?.abort()
      watched.delete(id)
      live.delete(id)
    }
  }

  effectScope(true).run(() =>
    watch(visible, (seen) => {
      for (const [id, { abort }] of watched)
        if (seen) open(id)
        else abort?.abort()
    }),
  )

  return { live, look }
})
