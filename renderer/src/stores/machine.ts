import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { MachineReport, MachineSettings, SetAnswer } from '../../../shared/machine'
import { ApiError, json, messageOf } from '../api/client'
import { useEvents } from './events'

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

  /** Starts, stops, suspends … the machine. @throws {ApiError} */
  async function act(verb: 'start' | 'stop' | 'restart' | 'suspend' | 'resume'): Promise<void> {
    report.value = await json<MachineReport>('POST', `/berth/machine/${verb}`)
  }

  /** Changes what the machine is given; with `restart`, also what holds only after one. @throws {ApiError} */
  async function set(change: Partial<MachineSettings>, restart: boolean): Promise<SetAnswer> {
    const query = { restart: restart ? 1 : undefined }
    const answer = await json<SetAnswer>('POST', '/berth/machine/set', { body: change, query })
    report.value = answer.report
    return answer
  }

  return { report, info, error, sync, act, set }
})
