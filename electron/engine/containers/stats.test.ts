import { expect, test } from 'vitest'
import contract from '../../../resources/guest/contract.json'
import { ops } from '../../machine/contract'
import { showStats } from './stats'

const sample = ops.stats.reply.parse(contract.ops.stats.reply).stats.aa!
const container = { id: 'aa', name: 'web' }
const facts = { memory: 512 << 20, cgroup: '2' }

test('the figures that docker stats shows are where it looks for them', () => {
  const shown = showStats(container, { ...sample, memoryStats: { anon: 1, limit: -1 } }, sample, facts)
  expect(shown).toMatchObject({
    name: '/web',
    cpu_stats: { cpu_usage: { total_usage: 25_000_000 }, system_cpu_usage: 1_000_000_000, online_cpus: 1 },
    precpu_stats: { cpu_usage: { total_usage: 25_000_000 } },
    memory_stats: { usage: 1048576, limit: 512 << 20, stats: { inactive_file: 4096 } },
    pids_stats: { current: 1 },
    networks: { eth0: { rx_bytes: 1 } },
  })
  // Read as unsigned numbers by Go clients: no limit is the greatest page's end.
  expect((shown.memory_stats as { stats: object }).stats).toHaveProperty('limit', 2 ** 63 - 4096)
  expect((shown.blkio_stats as { io_service_bytes_recursive: object[] }).io_service_bytes_recursive).toContainEqual({
    major: 8,
    minor: 0,
    op: 'write',
    value: 4096,
  })
})

test('a container that does not run has zeros', () => {
  expect(showStats(container, undefined, undefined, facts)).toMatchObject({
    read: '0001-01-01T00:00:00Z',
    cpu_stats: { cpu_usage: { total_usage: 0 } },
    memory_stats: {},
  })
})
