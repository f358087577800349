import { onScopeDispose, shallowReactive, watch } from 'vue'
import { eachJsonLine, request } from '../api/client'
import type { MachineHostUsage, MachineUsage as UsageLine } from '../../../shared/machine'
import { useDocumentVisibility } from './useDocumentVisibility'

const kept = 60

export interface MachineUsage {
  /** Percent of all processors, bytes, bytes: a value a second, newest last. */
  cpu: number[]
  memory: number[]
  disk: number[]
  memoryTotal: number
  diskTotal: number
  host?: MachineHostUsage
}

/** Follows the machine's use while `wanted`, the caller is mounted and the window is in view. */
export function useMachineUsage(wanted: () => boolean): MachineUsage {
  const usage = shallowReactive<MachineUsage>({ cpu: [], memory: [], disk: [], memoryTotal: 0, diskTotal: 0 })
  const visible = useDocumentVisibility()
  let abort: AbortController | undefined
  let before: UsageLine | undefined

  const add = (values: number[], value: number) => [...values.slice(1 - kept), value]
  function take(line: UsageLine): void {
    const span = before && line.cpuTotal - before.cpuTotal
    if (before && span) usage.cpu = add(usage.cpu, ((line.cpuBusy - before.cpuBusy) / span) * 100)
    before = line
    usage.memory = add(usage.memory, line.memoryUsed)
    usage.disk = add(usage.disk, line.diskUsed)
    usage.memoryTotal = line.memoryTotal
    usage.diskTotal = line.diskTotal
    usage.host = line.host
  }

  watch(
    [wanted, visible],
    ([asked, seen]) => {
      abort?.abort()
      abort = new AbortController()
      if (asked && seen)
        request('GET', '/berth/machine/usage', { query: { stream: 1 }, signal: abort.signal })
          .then((response) => eachJsonLine(response, take))
          .catch(() => undefined)
    },
    { immediate: true },
  )
  onScopeDispose(() => abort?.abort())
  return usage
}
