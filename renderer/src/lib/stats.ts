import type { ContainerStats } from 'dockerode'

/** What a container uses now: CPU in percent of one processor, memory in bytes (limit 0: none known). */
export interface Usage {
  cpu: number
  memory: number
  limit: number
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
  return {
    cpu: measured ? (cpuSpan / systemSpan) * processors * 100 : 0,
    memory: Math.max(0, memory.usage - cache),
    limit: memory.limit ?? 0,
  }
}
