import { defineStore } from 'pinia'
import { watch } from 'vue'
import { eachJsonLine, request } from '../api/client'
import { useEngine } from './engine'

/** Docker's event, the parts that stores use. */
export interface EngineEvent {
  Type: string
  Action: string
  Actor: { ID: string; Attributes?: Record<string, string> }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * One stream of GET /events while the engine runs. `onSync` listeners are called each time the stream is open anew:
 * what happened before is unknown then, and a store reads its list afresh; from then on events tell it all.
 */
export const useEvents = defineStore('events', () => {
  const engine = useEngine()
  const syncListeners = new Set<() => void>()
  const eventListeners = new Set<(event: EngineEvent) => void>()
  let open = false

  async function follow(): Promise<void> {
    while (engine.running) {
      try {
        const response = await request('GET', '/events')
        open = true
        for (const listener of syncListeners) listener()
        await eachJsonLine<EngineEvent>(response, (event) => {
          for (const listener of eventListeners) listener(event)
        })
      } catch {
        // A broken stream is opened again; what it missed comes with the sync.
      }
      open = false
      await pause(500)
    }
  }
  watch(() => engine.running, (running) => running && void follow(), { immediate: true }) // prettier-ignore

  return {
    /** Also called at once when the stream is open already: a page's store may be made long after it. */
    onSync(listener: () => void): void {
      syncListeners.add(listener)
      if (open) listener()
    },
    /** Gives what ends the listening. */
    onEvent: (listener: (event: EngineEvent) => void): (() => void) => {
      eventListeners.add(listener)
      return () => void eventListeners.delete(listener)
    },
  }
})
