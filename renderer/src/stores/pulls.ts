import { defineStore } from 'pinia'
import { reactive, ref } from 'vue'
import { eachJsonLine, isAbort, messageOf, request } from '../api/client'

export interface PullLayer {
  id: string
  status: string
  /** Bytes; total 0 until it is known. */
  current: number
  total: number
  done: boolean
}

export interface Pull {
  id: number
  reference: string
  /** Which one of its platforms; undefined is the machine's. */
  platform?: string
  status: string
  layers: Map<string, PullLayer>
  phase: 'running' | 'done' | 'failed' | 'cancelled'
  error?: string
}

/** A message of POST /images/create, one a line. */
interface PullMessage {
  id?: string
  status?: string
  progressDetail?: { current?: number; total?: number }
  error?: string
}

/** The share of a pull that has arrived, 0 to 1; null until the sizes are known. */
export function progressOf(pull: Pull): number | null {
  const layers = [...pull.layers.values()]
  const known = layers.filter((layer) => layer.total)
  if (pull.phase === 'done') return 1
  if (!known.length) return null
  const total = known.reduce((sum, layer) => sum + layer.total, 0)
  return known.reduce((sum, layer) => sum + (layer.done ? layer.total : layer.current), 0) / total
}

/** Adds a tag to a reference that names neither tag nor digest: `nginx` would pull every tag there is. */
export function withTag(reference: string): string {
  return /@|:[^/]+$/.test(reference) ? reference : `${reference}:latest`
}

/** Applies one message to a pull. Docker reports a layer's download and extraction with its short id. */
export function applyMessage(pull: Pull, message: PullMessage): void {
  if (message.error) {
    pull.phase = 'failed'
    pull.error = message.error
  } else if (!message.id || !/^[0-9a-f]{12}$/.test(message.id)) pull.status = message.status ?? pull.status
  else {
    const layer = pull.layers.get(message.id) ?? { id: message.id, status: '', current: 0, total: 0, done: false }
    layer.status = message.status ?? layer.status
    layer.done = /^(Pull complete|Already exists)/.test(layer.status)
    const { current, total } = message.progressDetail ?? {}
    // Only the download moves the bar: extraction counts other bytes from zero again.
    if (current !== undefined && layer.status === 'Downloading') {
      layer.current = current
      layer.total = total ?? layer.total
    } else if (/^(Download complete|Verifying|Extracting|Pull complete)/.test(layer.status)) layer.current = layer.total
    pull.layers.set(layer.id, layer)
  }
}

/** Pulls that run or have ended and not been dismissed; they go on when their dialog is closed. */
export const usePulls = defineStore('pulls', () => {
  const pulls = ref<Pull[]>([])
  const aborts = new Map<number, AbortController>()
  let last = 0

  /** Starts a pull; the returned object changes as it goes. */
  function start(reference: string, platform?: string): Pull {
    const pull: Pull = reactive({ id: ++last, reference: withTag(reference), platform, status: 'Starting', layers: new Map(), phase: 'running' }) // prettier-ignore
    pulls.value.push(pull)
    const abort = new AbortController()
    aborts.set(pull.id, abort)
    void run(pull, abort.signal).finally(() => aborts.delete(pull.id))
    return pull
  }

  async function run(pull: Pull, signal: AbortSignal): Promise<void> {
    try {
      const response = await request('POST', '/images/create', {
        query: { fromImage: pull.reference, platform: pull.platform },
        signal,
      })
      await eachJsonLine<PullMessage>(response, (message) => applyMessage(pull, message))
      if (pull.phase === 'running') pull.phase = 'done'
    } catch (cause) {
      if (isAbort(cause)) pull.phase = 'cancelled'
      else {
        pull.phase = 'failed'
        pull.error = messageOf(cause)
      }
    }
    if (pull.phase === 'done' || pull.phase === 'cancelled') dismiss(pull)
  }

  function dismiss(pull: Pull): void {
    pulls.value = pulls.value.filter(({ id }) => id !== pull.id)
  }

  return { pulls, start, dismiss, cancel: (pull: Pull) => aborts.get(pull.id)?.abort() }
})
