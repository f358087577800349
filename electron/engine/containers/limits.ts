import type { GuestFacts } from '../../machine/contract'
import { EngineError } from '../errors'
import type { HostConfig } from './config'

/** The limits of a HostConfig, or those that an update changes. */
export type Limits = Partial<HostConfig>

const invalid = (message: string) => new EngineError('invalid', message)
const minimumMemory = 6 * 1024 * 1024
/** As many processors as Docker's list syntax knows. */
const mostCpus = 8192

const missing = (what: string, discarded: string) =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${discarded}`

/**
 * Docker's rules for limits. Answers them without what the guest's kernel can't do, with a warning for each that was
 * taken out. Throws 'invalid' in Docker's words. For an `update`, swap may stand without memory: that is set already.
 */
export function settleLimits<L extends Limits>(
  given: L,
  facts: GuestFacts,
  update = false,
): { limits: L; warnings: string[] } {
  const limits = { ...given }
  const warnings: string[] = []
  const lacks = (control: string) => !facts.controls.includes(control)
  settleMemory(limits, lacks, warnings, update)
  settleCpu(limits, lacks, warnings, facts)
  settleBlockIo(limits, lacks, warnings)
  if (limits.PidsLimit && lacks('pids')) {
    if (limits.PidsLimit > 0) warnings.push(missing('PIDs limit capabilities', 'PIDs limit discarded.'))
    limits.PidsLimit = null
  }
  return { limits, warnings }
}

type Lacks = (control: string) => boolean

function settleMemory(limits: Limits, lacks: Lacks, warnings: string[], update: boolean): void {
  if ((limits.Memory ?? 0) !== 0 && limits.Memory! < minimumMemory) {
    throw invalid('Minimum memory limit allowed is 6MB')
  }
  if (limits.Memory && lacks('memory')) {
    warnings.push(missing('memory limit capabilities', 'Limitation discarded.'))
    limits.Memory = 0
    limits.MemorySwap = -1
  }
  if (limits.Memory && limits.MemorySwap !== -1 && lacks('swap')) {
    warnings.push(missing('swap limit capabilities', 'Memory limited without swap.'))
    limits.MemorySwap = -1
  }
  const { Memory: memory = 0, MemorySwap: swap = 0 } = limits
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage')
  }
  if (memory === 0 && swap > 0 && !update) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage')
  }
  const swappiness = limits.MemorySwappiness ?? -1
  if (limits.MemorySwappiness != null && lacks('swappiness')) {
    warnings.push(missing('memory swappiness capabilities', 'Memory swappiness discarded.'))
    limits.MemorySwappiness = null
  } else if (swappiness < -1 || swappiness > 100) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`)
  }
  if (limits.MemoryReservation && lacks('reservation')) {
    warnings.push(missing('memory soft limit capabilities', 'Limitation discarded.'))
    limits.MemoryReservation = 0
  }
  const { MemoryReservation: reservation = 0 } = limits
  if (reservation > 0 && reservation < minimumMemory) throw invalid('Minimum memory reservation allowed is 6MB')
  if (memory > 0 && reservation > memory) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage')
  }
  if (limits.KernelMemory) {
    warnings.push('Specifying a kernel memory limit is deprecated and will be removed in a future release.')
    limits.KernelMemory = undefined
  }
  if (limits.KernelMemoryTCP && lacks('kernelMemoryTcp')) {
    warnings.push(missing('kernel memory TCP limit capabilities', 'Limitation discarded.'))
    limits.KernelMemoryTCP = undefined
  }
  if (limits.OomKillDisable != null && lacks('oomKillDisable')) {
    if (limits.OomKillDisable) warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.')
    limits.OomKillDisable = null
  } else if (limits.OomKillDisable && memory === 0 && !update) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    )
  }
}

function settleCpu(limits: Limits, lacks: Lacks, warnings: string[], facts: GuestFacts): void {
  const { NanoCpus: nano = 0 } = limits
  if (nano > 0 && (limits.CpuPeriod ?? 0) > 0) {
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  }
  if (nano > 0 && (limits.CpuQuota ?? 0) > 0) {
    throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  }
  if (nano < 0 || nano > facts.cpus * 1e9) {
    throw invalid(
      `Range of CPUs is from 0.01 to ${facts.cpus.toFixed(2)}, as there are only ${facts.cpus} CPUs available`,
    )
  }
  if (nano > 0 && lacks('cpuQuota')) {
    throw invalid(
      'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    )
  }
  if (limits.CpuShares && lacks('cpuShares')) {
    warnings.push(missing('CPU shares', 'Shares discarded.'))
    limits.CpuShares = 0
  }
  if ((limits.CpuPeriod || limits.CpuQuota) && lacks('cpuQuota')) {
    warnings.push(missing('CPU CFS scheduler', 'CPU period/quota discarded.'))
    limits.CpuPeriod = limits.CpuQuota = 0
  }
  const { CpuPeriod: period = 0, CpuQuota: quota = 0 } = limits
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  }
  if (quota > 0 && quota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  const { CpuRealtimePeriod: rtPeriod = 0, CpuRealtimeRuntime: rtRuntime = 0 } = limits
  if ((rtPeriod || rtRuntime) && lacks('cpuRealtime')) {
    throw invalid('Your kernel does not support CPU real-time scheduler')
  }
  if (rtPeriod > 0 && rtRuntime > rtPeriod) {
    throw invalid('cpu real-time runtime cannot be higher than cpu real-time period')
  }
  if (limits.CpuPercent) {
    warnings.push('linux does not support CPU percent. Percent discarded.')
    limits.CpuPercent = 0
  }
  if ((limits.CpusetCpus || limits.CpusetMems) && lacks('cpuset')) {
    warnings.push(missing('cpuset', 'Cpuset discarded.'))
    limits.CpusetCpus = limits.CpusetMems = ''
  }
  checkSet('CPUs', 'cpus', limits.CpusetCpus ?? '', facts.cpuList)
  checkSet('memory nodes', 'mems', limits.CpusetMems ?? '', facts.memoryNodes)
}

/** `0-2,4` must name what is there. */
function checkSet(what: string, short: string, asked: string, available: string): void {
  const there = new Set(members(available, short))
  if (members(asked, short).every((member) => there.has(member))) return
  throw invalid(`Requested ${what} are not available - requested ${asked}, available: ${available}`)
}

function members(list: string, short: string): number[] {
  if (list === '') return []
  const bad = (reason: string) => invalid(`Invalid value ${list} for cpuset ${short}: ${reason}`)
  return list.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? []
    if (first === undefined || Number(last) < Number(first)) throw bad(`invalid format: ${list}`)
    if (Number(last) >= mostCpus) throw bad(`value of out range, maximum is ${mostCpus}`)
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index)
  })
}

const throttles = [
  ['BlkioDeviceReadBps', 'BPS Block I/O read limit', 'Block I/O BPS read limit discarded.'],
  ['BlkioDeviceWriteBps', 'BPS Block I/O write limit', 'Block I/O BPS write limit discarded.'],
  ['BlkioDeviceReadIOps', 'IOPS Block read limit', 'Block I/O IOPS read limit discarded.'],
  ['BlkioDeviceWriteIOps', 'IOPS Block write limit', 'Block I/O IOPS write limit discarded.'],
] as const

function settleBlockIo(limits: Limits, lacks: Lacks, warnings: string[]): void {
  if (limits.BlkioWeight && lacks('blkioWeight')) {
    warnings.push(missing('Block I/O weight', 'Weight discarded.'))
    limits.BlkioWeight = 0
  }
  const { BlkioWeight: weight = 0 } = limits
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw invalid('Range of blkio weight is from 10 to 1000')
  if (limits.IOMaximumBandwidth || limits.IOMaximumIOps) {
    throw invalid('Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps')
  }
  if (limits.BlkioWeightDevice?.length && lacks('blkioWeightDevice')) {
    warnings.push(missing('Block I/O weight_device', 'Weight-device discarded.'))
    limits.BlkioWeightDevice = []
  }
  for (const [key, what, discarded] of throttles) {
    if (!limits[key]?.length || !lacks('blkioThrottle')) continue
    warnings.push(missing(what, discarded))
    limits[key] = []
  }
}
