import type { ContainerStats } from 'dockerode'
import { onScopeDispose, shallowReactive, watch, type WatchSource } from 'vue'
import { useDocumentVisibility } from './useDocumentVisibility'
import { eachJsonLine, request } from '../api/client'
import { type Usage, usageOf } from '../lib/stats'

const kept = 30

export interface LiveUsage {
  now?: Usage
  /** CPU of the last half minute, newest last. */
  cpuHistory: number[]
}

/** Follows GET /containers/{id}/stats, a figure a second, while the caller is mounted and the window is in view. */
export function useStats(id: WatchSource<string | undefined>): LiveUsage {
  const live = shallowReactive<LiveUsage>({ cpuHistory: [] })
  const visible = useDocumentVisibility()
  let abort: AbortController | undefined

  async function follow(container: string, signal: AbortSignal): Promise<void> {
    const response = await request('GET', `/containers/${container}/stats`, { query: { stream: 1 }, signal })
    await eachJsonLine<ContainerStats>(response, (stats) => {
      const usage = usageOf(stats)
      if (!usage) return
      live.now = usage
      live.cpuHistory = [...live.cpuHistory.slice(1 - kept), usage.cpu]
    })
  }

  watch(
    [id, visible],
    ([container, seen]) => {
      abort?.abort()
      abort = new AbortController()
      if (!container) {
        live.now = undefined
        live.cpuHistory = []
      } else if (seen) follow(container, abort.signal).catch(() => undefined)
    },
    { immediate: true },
  )
  onScopeDispose(() => abort?.abort())
  return live
}
