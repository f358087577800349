import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { availableParallelism, totalmem } from 'node:os'
import { guestImage } from '../files'
import type { Driver, ProbeResult, SizeName, SizeRule } from '../machine'
import { findQemu, type Accelerator } from './find'
import { QemuMachine } from './vm'

const mebibyte = 1024 * 1024
const gibibyte = 1024 * mebibyte

const speeds: Record<Accelerator, string> = {
  kvm: 'at full speed by KVM',
  hvf: "at full speed by macOS's hypervisor",
  whpx: "at full speed by Windows's hypervisor",
  tcg: 'emulated, since no hypervisor can be used here',
}

/** A 64-bit Linux VM in the QEMU that is installed on this computer. */
export const qemu: Driver = {
  name: 'qemu',
  features: {
    hostBinds: false,
    hostNetwork: false,
    survivesEngine: false,
    suspend: true,
  },
  probe,
  sizes,
  create: (options) => new QemuMachine(options),
}

async function probe(): Promise<ProbeResult> {
  try {
    const { version, guest, accelerator } = await findQemu()
    if (!existsSync(join(guestImage(guest), 'manifest.json')))
      return { ok: false, reason: `the guest image for ${guest} is missing: run npm run guest -- --arch ${guest}` }
    return { ok: true, detail: `a 64-bit Linux VM in QEMU ${version}, ${speeds[accelerator]}` }
  } catch (error) {
    return { ok: false, reason: (error as Error).message }
  }
}

function sizes(): Record<SizeName, SizeRule> {
  const memory = totalmem()
  return {
    cpus: { default: availableParallelism(), min: 1, max: availableParallelism(), change: 'restart' },
    memory: {
      default: Math.min(4 * gibibyte, Math.floor(memory / 2 / mebibyte) * mebibyte),
      min: 256 * mebibyte,
      max: memory,
      change: 'restart',
    },
    swap: { default: 0, min: 0, max: 0, change: { never: 'the guest has no swap: give it memory' } },
    disk: { default: 64 * gibibyte, min: gibibyte, max: 4096 * gibibyte, change: 'live' },
  }
}
