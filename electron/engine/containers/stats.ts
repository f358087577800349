import { setTimeout as sleep } from 'node:timers/promises'
import type { GuestFacts, GuestStats } from '../../machine/contract'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { isLive, never } from './state'

const interval = 1000

/** Asks the agent once a second for all containers that somebody watches, and only while somebody does. */
export class StatsSampler {
  private readonly watched = new Map<string, number>()
  private round: Promise<Record<string, GuestStats>> | undefined

  constructor(private readonly options: Pick<ContainersOptions, 'guest' | 'facts' | 'whenRunning'>) {}

  /** One answer of GET /containers/{id}/stats; with `oneShot` without the second that the CPU's share needs. */
  async once(container: Container, oneShot: boolean, signal: AbortSignal): Promise<Record<string, unknown>> {
    const before = oneShot ? undefined : await this.sample(container)
    if (before) await sleep(interval, undefined, { signal })
    return showStats(container, await this.sample(container), before, this.options.facts())
  }

  /** JSON lines, one a second, until the signal aborts. A container that does not run has zeros. */
  async *follow(container: Container, signal: AbortSignal): AsyncGenerator<string> {
    const { id } = container
    this.watched.set(id, (this.watched.get(id) ?? 0) + 1)
    try {
      let before: GuestStats | undefined
      let now = await this.sample(container)
      while (!signal.aborted && container.state.status !== 'removing') {
        yield JSON.stringify(showStats(container, now, before, this.options.facts())) + '\n'
        before = now
        now = (await this.nextRound())[id]
      }
    } finally {
      const left = this.watched.get(id)! - 1
      if (left > 0) this.watched.set(id, left)
      else this.watched.delete(id)
    }
  }

  private async sample({ id, state }: Container): Promise<GuestStats | undefined> {
    if (!isLive(state)) return undefined
    await this.options.whenRunning()
    return (await this.options.guest().call('stats', { ids: [id] })).stats[id]
  }

  /** All who wait get the same round, so that many watchers cost one trip to the agent. */
  private nextRound(): Promise<Record<string, GuestStats>> {
    this.round ??= sleep(interval).then(async () => {
      await this.options.whenRunning()
      this.round = undefined
      return (await this.options.guest().call('stats', { ids: [...this.watched.keys()] })).stats
    })
    return this.round
  }
}

/** The shape of dockerd's stats; `before` is the sample that the CPU's share is counted from. */
export function showStats(
  { id, name }: Pick<Container, 'id' | 'name'>,
  now: GuestStats | undefined,
  before: GuestStats | undefined,
  facts: Pick<GuestFacts, 'memory' | 'cgroup'>,
): Record<string, unknown> {
  return {
    read: now?.at ?? never,
    preread: before?.at ?? never,
    pids_stats: now ? { current: now.pids, ...(now.pidsLimit >= 0 ? { limit: now.pidsLimit } : {}) } : {},
    blkio_stats: showBlockIo(now, facts.cgroup === '2' ? null : []),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: showCpu(now),
    precpu_stats: showCpu(before),
    memory_stats: now ? showMemory(now, facts) : {},
    name: `/${name}`,
    id,
    ...(now ? { networks: showInterfaces(now) } : {}),
  }
}

function showCpu(stats: GuestStats | undefined): Record<string, unknown> {
  return {
    cpu_usage: {
      total_usage: stats?.cpuUsage ?? 0,
      ...(stats?.cpuEach ? { percpu_usage: stats.cpuEach } : {}),
      usage_in_kernelmode: stats?.cpuSystem ?? 0,
      usage_in_usermode: stats?.cpuUser ?? 0,
    },
    ...(stats ? { system_cpu_usage: stats.systemCpu, online_cpus: stats.onlineCpus } : {}),
    throttling_data: {
      periods: stats?.periods ?? 0,
      throttled_periods: stats?.throttledPeriods ?? 0,
      throttled_time: stats?.throttledTime ?? 0,
    },
  }
}

function showMemory(
  stats: GuestStats,
  { memory, cgroup }: Pick<GuestFacts, 'memory' | 'cgroup'>,
): Record<string, unknown> {
  // Clients take the inactive page cache off the usage; where they look for it tells them the cgroup version.
  const cache = cgroup === '2' ? 'inactive_file' : 'total_inactive_file'
  // Clients read these as unsigned; -1 stands for "no limit", which the kernel shows as the greatest page's end.
  const shown = Object.entries(stats.memoryStats).map(([name, value]) => [name, value < 0 ? 2 ** 63 - 4096 : value])
  return {
    usage: stats.memoryUsage,
    ...(cgroup === '2' ? {} : { max_usage: stats.memoryMax }),
    stats: { ...Object.fromEntries(shown), [cache]: stats.memoryFile } as Record<string, number>,
    limit: stats.memoryLimit >= 0 ? Math.min(stats.memoryLimit, memory) : memory,
  }
}

function showInterfaces({ networks }: GuestStats): Record<string, unknown> {
  const shown = Object.entries(networks).map(([name, counted]) => [
    name,
    {
      rx_bytes: counted.rxBytes,
      rx_packets: counted.rxPackets,
      rx_errors: counted.rxErrors,
      rx_dropped: counted.rxDropped,
      tx_bytes: counted.txBytes,
      tx_packets: counted.txPackets,
      tx_errors: counted.txErrors,
      tx_dropped: counted.txDropped,
    },
  ])
  return Object.fromEntries(shown) as Record<string, unknown>
}

/** `none` is how dockerd shows figures that are not there: null in version 2 of cgroups. */
function showBlockIo(stats: GuestStats | undefined, none: null | []): Record<string, unknown> {
  const each = (read: (entry: GuestStats['blkio'][number]) => [read: number, write: number]) =>
    stats?.blkio.flatMap((entry) => {
      const { major, minor } = entry
      const [reads, writes] = read(entry)
      return [
        { major, minor, op: 'read', value: reads },
        { major, minor, op: 'write', value: writes },
      ]
    }) ?? none
  return {
    io_service_bytes_recursive: each(({ readBytes, writeBytes }) => [readBytes, writeBytes]),
    io_serviced_recursive: each(({ reads, writes }) => [reads, writes]),
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  }
}
