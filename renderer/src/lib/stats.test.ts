import type { ContainerStats } from 'dockerode'
import { describe, expect, it } from 'vitest'
import { addUsage, emptyHistory, usageOf } from './stats'

const sample = (change: object): ContainerStats =>
  ({
    cpu_stats: { cpu_usage: { total_usage: 300 }, system_cpu_usage: 2000, online_cpus: 2 },
    precpu_stats: { cpu_usage: { total_usage: 100 }, system_cpu_usage: 1000 },
    memory_stats: { usage: 5000, limit: 10_000, stats: { inactive_file: 1000 } },
    ...change,
  }) as ContainerStats

describe('usageOf', () => {
  it('gives percent of one processor and memory without page cache', () => {
    expect(usageOf(sample({}))).toMatchObject({ cpu: 40, memory: 4000, limit: 10_000 })
  })
  it('has no CPU figure without a sample before', () => {
    expect(usageOf(sample({ precpu_stats: { cpu_usage: { total_usage: 0 } } }))?.cpu).toBe(0)
  })
  it('gives nothing for a container that does not run', () => {
    expect(usageOf(sample({ memory_stats: {} }))).toBeUndefined()
  })
})

it('sums networks and disks, and makes rates of them', () => {
  const io = (value: number) => [
    { major: 8, minor: 0, op: 'Read', value },
    { major: 8, minor: 16, op: 'read', value },
    { major: 8, minor: 0, op: 'Write', value: 7 },
  ]
  const at = (bytes: number) =>
    usageOf(
      sample({
        networks: { eth0: { rx_bytes: bytes, tx_bytes: 1 }, eth1: { rx_bytes: bytes, tx_bytes: 1 } },
        blkio_stats: { io_service_bytes_recursive: io(bytes) },
        pids_stats: { current: 3 },
      }),
    )!
  const [first, second] = [at(100), at(300)]
  expect(first).toMatchObject({ received: 200, sent: 2, read: 200, written: 7, pids: 3 })
  const one = addUsage(emptyHistory(), 10, first, undefined, 2)
  const two = addUsage(one, 12, second, first, 2)
  expect(two.received).toEqual([0, 200])
  expect(addUsage(two, 13, second, second, 2)).toMatchObject({ at: [12, 13], received: [200, 0], pids: [3, 3] })
})
