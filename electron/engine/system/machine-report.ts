import { statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import type { MachineReport, MachineResources, Resource } from '../../../shared/machine'
import type { Reply } from '../../machine/contract'
import type { HostUsage, SizeName } from '../../machine/machine'
import type { MachineHost } from './machine-host'

/** GET /berth/machine. Asks the guest nothing unless it runs. */
export async function machineReport(host: MachineHost, dir: string): Promise<MachineReport> {
  const { choice, stage, failure, boot } = host
  const [usage, inside, free] = await Promise.all([host.ours.hostUsage(), usageOf(host), freeBytes(dir)])
  return {
    driver: choice.driver.name,
    why: choice.why,
    passedOver: choice.passedOver,
    state: host.is,
    ...(stage && { stage }),
    ...(failure && { failure }),
    ...(boot && { boot }),
    features: host.features,
    ...(host.lastFacts && { facts: host.lastFacts }),
    settings: host.settings,
    resources: resources(host, usage, inside, free),
    host: usage,
  }
}

/** What the guest uses; undefined while it does not run. */
async function usageOf(host: MachineHost): Promise<Reply<'usage'> | undefined> {
  if (host.is !== 'running') return undefined
  return host
    .guest()
    .call('usage', {})
    .catch(() => undefined)
}

async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)
  return bavail * bsize
}

function resources(
  host: MachineHost,
  usage: HostUsage,
  inside: Reply<'usage'> | undefined,
  free: number,
): MachineResources {
  const rules = host.choice.driver.sizes()
  const { wanted } = host
  const runs = host.is === 'running'
  const one = (name: SizeName, has: number, used: number | undefined): Resource => {
    const { change, min, max } = rules[name]
    return {
      host: has,
      allotted: runs ? host.size[name] : 0,
      wanted: wanted[name],
      ...(used !== undefined && { used }),
      ...(typeof change === 'object' ? { change: 'never', why: change.never } : { change }),
      min,
      max,
    }
  }
  return {
    cpus: one('cpus', availableParallelism(), inside?.load1),
    memory: one('memory', totalmem(), inside?.memoryUsed),
    swap: one('swap', 0, inside?.swapUsed),
    disk: one('disk', free + usage.diskAllocated, inside?.diskUsed),
  }
}
