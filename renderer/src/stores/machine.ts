import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import { ApiError, json, messageOf } from '../api/client'
import { useEvents } from './events'

/** GET /berth/machine. All counts in bytes. */
export interface MachineReport {
  driver: string
  why: string
  passedOver: { driver: string; reason: string }[]
  boot: { kind: 'cold' | 'snapshot' | 'found' | 'started'; ms: number }
  state: string
  facts: {
    kernel: string
    os: string
    arch: string
    cpus: number
    memory: number
    runtime: string
    runtimeVersion: string
  }
  host: HostUsage
  limits: { cpus?: number; memory?: number; disk?: number }
}

/** What a machine costs on the host: resident bytes, CPU milliseconds since start, allocated bytes of its disk. */
export interface HostUsage {
  memory: number
  cpuMs: number
  diskAllocated: number
  diskSize: number
}

/** The part of GET /info that any engine has. */
export interface EngineInfo {
  Name: string
  OperatingSystem: string
  KernelVersion: string
  Architecture: string
  NCPU: number
  MemTotal: number
  Driver: string
  DefaultRuntime: string
  ServerVersion: string
}

/** The machine's report; undefined on an engine that is not Berth's, which has only /info. */
export const useMachine = defineStore('machine', () => {
  const report = shallowRef<MachineReport>()
  const info = shallowRef<EngineInfo>()
  const error = ref<string>()

  async function sync(): Promise<void> {
    try {
      const [machine, engine] = await Promise.all([
        json<MachineReport>('GET', '/berth/machine').catch((cause) => {
          if (cause instanceof ApiError && cause.status === 404) return undefined
          throw cause
        }),
        json<EngineInfo>('GET', '/info'),
      ])
      report.value = machine
      info.value = engine
      error.value = undefined
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }

  useEvents().onSync(sync)

  return { report, info, error, sync }
})
