import type { ContainerInspectInfo } from 'dockerode'
import { onScopeDispose, ref, shallowRef, triggerRef, watch } from 'vue'
import { eachChunk, isAbort, messageOf, request } from '../api/client'
import { type LogLine, LogBuffer } from '../lib/log-buffer'

/** Reads a container's log and follows it, also over restarts. New lines show once a frame, however many there are. */
export function useLogs(details: () => ContainerInspectInfo | undefined) {
  const buffer = new LogBuffer()
  const lines = shallowRef<LogLine[]>(buffer.lines)
  const loading = ref(true)
  const error = ref<string>()
  let abort: AbortController | undefined
  let scheduled = false

  function show(): void {
    if (scheduled) return
    scheduled = true
    requestAnimationFrame(() => {
      scheduled = false
      loading.value = false
      if (lines.value === buffer.lines) triggerRef(lines)
      else lines.value = buffer.lines
    })
  }

  async function read({ Id, Config }: ContainerInspectInfo, signal: AbortSignal): Promise<void> {
    try {
      const query = { stdout: 1, stderr: 1, timestamps: 1, follow: 1, tail: 100_000, since: unixSeconds(buffer.lastAt) }
      const response = await request('GET', `/containers/${Id}/logs`, { query, signal })
      const take = buffer.reader(Config.Tty)
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
    }
  }

  watch(
    () => details() && `${details()!.Id} ${details()!.State.StartedAt}`,
    () => {
      abort?.abort()
      abort = new AbortController()
      error.value = undefined
      const container = details()
      if (container) void read(container, abort.signal)
    },
    { immediate: true },
  )
  onScopeDispose(() => abort?.abort())

  return { lines, loading, error }
}

/** An RFC 3339 time as the API's `since` takes it: UNIX seconds with nanoseconds. */
function unixSeconds(at: string): string | undefined {
  const [, second, fraction = '0'] = /^(.{19})(?:\.(\d+))?Z$/.exec(at) ?? []
  return second && `${Date.parse(`${second}Z`) / 1000}.${fraction}`
}
