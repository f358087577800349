import type { ContainerStats } from 'dockerode'

/** What a container uses now. */
export interface Usage {
  /** Percent of one processor. */
  cpu: number
  /** Bytes; limit 0: none known. */
  memory: number
  limit: number
  /** Bytes since its start; over all of its networks, over all of its disks. */
  received: number
  sent: number
  read: number
  written: number
  pids: number
}

/**
 * Works out what `docker stats` shows from one answer of GET /containers/{id}/stats, which carries the figures of a
 * second ago as `precpu_stats`. Memory is without inactive page cache, as the docker command has it (cgroup v1 and v2
 * name that differently). Undefined when the answer has no figures, as with a container that has just stopped.
 */
export function usageOf(stats: ContainerStats): Usage | undefined {
  const { cpu_stats: cpu, precpu_stats: before, memory_stats: memory } = stats
  if (memory.usage === undefined) return undefined
  const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0
  const cpuSpan = cpu.cpu_usage.total_usage - (before.cpu_usage?.total_usage ?? 0)
  const systemSpan = (cpu.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0)
  const processors = cpu.online_cpus || cpu.cpu_usage.percpu_usage?.length || 1
  const measured = before.system_cpu_usage && systemSpan > 0 && cpuSpan > 0
  const networks = Object.values(stats.networks ?? {})
  const io = stats.blkio_stats?.io_service_bytes_recursive ?? []
  const sumOf = (op: string) => io.filter((one) => one.op.toLowerCase() === op).reduce((sum, { value }) => sum + value, 0) // prettier-ignore
  return {
    cpu: measured ? (cpuSpan / systemSpan) * processors * 100 : 0,
    memory: Math.max(0, memory.usage - cache),
    limit: memory.limit ?? 0,
    received: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    sent: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    read: sumOf('read'),
    written: sumOf('write'),
    pids: stats.pids_stats?.current ?? 0,
  }
}

/** Figures a second apart, newest last: what the charts draw. Rates in bytes a second. */
export interface UsageHistory {
  /** UNIX seconds. */
  at: number[]
  cpu: number[]
  memory: number[]
  received: number[]
  sent: number[]
  read: number[]
  written: number[]
  pids: number[]
}

export const emptyHistory = (): UsageHistory => ({ at: [], cpu: [], memory: [], received: [], sent: [], read: [], written: [], pids: [] }) // prettier-ignore

/** The history with one figure more and at most `kept` of them; `before` is the figure that came last. */
export function addUsage(
  history: UsageHistory,
  at: number,
  now: Usage,
  before: Usage | undefined,
  kept: number,
): UsageHistory {
  const span = Math.max(at - (history.at.at(-1) ?? at), 0.001)
  const rate = (key: 'received' | 'sent' | 'read' | 'written') => before && history.at.length ? Math.max(0, now[key] - before[key]) / span : 0 // prettier-ignore
  const add = (values: number[], value: number) => [...values.slice(values.length < kept ? 0 : values.length - kept + 1), value] // prettier-ignore
  return {
    at: add(history.at, at),
    cpu: add(history.cpu, now.cpu),
    memory: add(history.memory, now.memory),
    received: add(history.received, rate('received')),
    sent: add(history.sent, rate('sent')),
    read: add(history.read, rate('read')),
    written: add(history.written, rate('written')),
    pids: add(history.pids, now.pids),
  }
}
