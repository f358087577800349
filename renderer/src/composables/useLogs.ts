import type { ContainerInspectInfo } from 'dockerode'
import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { eachChunk, isAbort, json, messageOf, request } from '../api/client'
import { LogBuffer, type LogLine, LogReader } from '../lib/log-buffer'
import { useEvents } from '../stores/events'

interface Source {
  reader: LogReader
  abort: AbortController
  open: boolean
  /** It was started anew before its stream had ended. */
  again: boolean
}

/**
 * Reads the logs of some containers, given by id, and follows them, also over restarts. New lines show once a frame,
 * however many there are.
 */
export function useLogs(ids: () => readonly string[]) {
  const events = useEvents()
  const buffer = new LogBuffer()
  const lines = shallowRef<LogLine[]>([])
  const loading = ref(true)
  const error = ref<string>()
  const sources = new Map<string, Source>()
  let scheduled = false

  function show(): void {
    if (scheduled) return
    scheduled = true
    requestAnimationFrame(() => {
      scheduled = false
      loading.value = false
      buffer.settle()
      // A copy, so that whoever was given the lines before sees that these are others.
      lines.value = buffer.lines.slice()
    })
  }

  async function read(id: string): Promise<void> {
    const source = sources.get(id)!
    const { signal } = source.abort
    source.open = true
    source.again = false
    try {
      const { Config } = await json<ContainerInspectInfo>('GET', `/containers/${id}/json`, { signal })
      const since = unixSeconds(source.reader.lastAt)
      const query = { stdout: 1, stderr: 1, timestamps: 1, follow: 1, tail: 100_000, since }
      const response = await request('GET', `/containers/${id}/logs`, { query, signal })
      const take = source.reader.open(Config.Tty)
      setTimeout(show, 150)
      await eachChunk(response, (bytes) => {
        take(bytes)
        show()
      })
      show()
    } catch (cause) {
      if (isAbort(cause)) return
      error.value = messageOf(cause)
      loading.value = false
    } finally {
      source.open = false
      if (source.again && !signal.aborted) void read(id)
    }
  }

  watch(
    () => ids().join(' '),
    () => {
      const wanted = new Set(ids())
      for (const [id, { abort }] of sources)
        if (!wanted.has(id)) {
          abort.abort()
          sources.delete(id)
        }
      error.value = undefined
      for (const id of wanted) {
        if (sources.has(id)) continue
        sources.set(id, { reader: new LogReader(id, buffer), abort: new AbortController(), open: false, again: false })
        void read(id)
      }
    },
    { immediate: true },
  )
  // The stream of a log ends with the container's process; the next start goes on where it ended.
  const off = events.onEvent(({ Type, Action, Actor }) => {
    const source = Type === 'container' && Action === 'start' && sources.get(Actor.ID)
    if (!source) return
    if (source.open) source.again = true
    else void read(Actor.ID)
  })
  onScopeDispose(() => {
    off()
    for (const { abort } of sources.values()) abort.abort()
  })

  function clear(): void {
    buffer.clear()
    lines.value = []
  }
  return { lines, loading, error, clear }
}

/** An RFC 3339 time as the API's `since` takes it: UNIX seconds with nanoseconds. */
function unixSeconds(at: string): string | undefined {
  const [, second, fraction = '0'] = /^(.{19})(?:\.(\d+))?Z$/.exec(at) ?? []
  return second && `${Date.parse(`${second}Z`) / 1000}.${fraction}`
}
