import type { ContainerStats } from 'dockerode'
import { describe, expect, it } from 'vitest'
import { usageOf } from './stats'

const sample = (change: object): ContainerStats =>
  ({
    cpu_stats: { cpu_usage: { total_usage: 300 }, system_cpu_usage: 2000, online_cpus: 2 },
    precpu_stats: { cpu_usage: { total_usage: 100 }, system_cpu_usage: 1000 },
    memory_stats: { usage: 5000, limit: 10_000, stats: { inactive_file: 1000 } },
    ...change,
  }) as ContainerStats

describe('usageOf', () => {
  it('gives percent of one processor and memory without page cache', () => {
    expect(usageOf(sample({}))).toEqual({ cpu: 40, memory: 4000, limit: 10_000 })
  })
  it('has no CPU figure without a sample before', () => {
    expect(usageOf(sample({ precpu_stats: { cpu_usage: { total_usage: 0 } } }))?.cpu).toBe(0)
  })
  it('gives nothing for a container that does not run', () => {
    expect(usageOf(sample({ memory_stats: {} }))).toBeUndefined()
  })
})
