import type { HostConfig } from './config'
import { numbersOf } from './devices'

interface Device {
  major: number
  minor: number
}

/** `linux.resources.blockIO` of the OCI spec. */
export interface BlockIo {
  weight?: number
  weightDevice?: (Device & { weight: number })[]
  throttleReadBpsDevice?: (Device & { rate: number })[]
  throttleWriteBpsDevice?: (Device & { rate: number })[]
  throttleReadIOPSDevice?: (Device & { rate: number })[]
  throttleWriteIOPSDevice?: (Device & { rate: number })[]
}

/**
 * The limits of block devices, undefined for none. `shared` says that the guest's /dev is this computer's own. Throws
 * 'internal' for a device that is not there.
 */
export async function blockIoOf(limits: Partial<HostConfig>, shared: boolean): Promise<BlockIo | undefined> {
  const rates = (list: { Path: string; Rate: number }[] | null | undefined) =>
    Promise.all((list ?? []).map(async ({ Path, Rate }) => ({ ...(await numbersOf(Path, shared)), rate: Rate })))
  const weights = (limits.BlkioWeightDevice ?? []).map(async ({ Path, Weight }) => ({
    ...(await numbersOf(Path, shared)),
    weight: Weight,
  }))
  const all: BlockIo = {
    weightDevice: await Promise.all(weights),
    throttleReadBpsDevice: await rates(limits.BlkioDeviceReadBps),
    throttleWriteBpsDevice: await rates(limits.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: await rates(limits.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: await rates(limits.BlkioDeviceWriteIOps),
  }
  const set = Object.entries(all).filter(([, list]) => (list as unknown[]).length > 0)
  if (set.length === 0 && !limits.BlkioWeight) return undefined
  return { ...(limits.BlkioWeight ? { weight: limits.BlkioWeight } : {}), ...Object.fromEntries(set) }
}
