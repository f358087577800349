import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { MachineReport, MachineUsage, SetAnswer } from '../../../shared/machine'
import { examine } from '../system/doctor'
import { chooseMachine, listMachines } from '../system/machine-choice'
import type { MachineHost } from '../system/machine-host'
import type { MachineLog } from '../system/machine-log'
import { machineReport } from '../system/machine-report'
import { settingsChange } from '../system/machine-settings'
import { flag, integer, noContent, ok, stream, type ApiAnswer, type Route } from './http'

const useBody = z.strictObject({ driver: z.string() })
const usageInterval = 1000
const ndjson = 'application/x-ndjson'

export interface BerthRoutesOptions {
  host: MachineHost
  dataDir: string
  /** The folder of this driver in there. */
  dir: string
  log: MachineLog
}

/** What Docker has no word for, the machine under the engine: the table in shared/machine.ts. */
export function berthRoutes({ host, dataDir, dir, log }: BerthRoutesOptions): Route[] {
  const report = () => machineReport(host, dir)
  const done = async (change: Promise<void>): Promise<ApiAnswer> => {
    await change
    return ok(await report())
  }

  async function* reports(signal: AbortSignal): AsyncGenerator<string> {
    let changed = true
    let tell: () => void = () => undefined
    const wake = () => {
      changed = true
      tell()
    }
    const end = host.onChange(wake)
    signal.addEventListener('abort', wake)
    try {
      while (!signal.aborted) {
        if (!changed) await new Promise<void>((resolve) => (tell = resolve))
        changed = false
        if (!signal.aborted) yield line<MachineReport>(await report())
      }
    } finally {
      end()
    }
  }

  const usage = async (): Promise<MachineUsage> => {
    const [inside, outside] = await Promise.all([host.guest().call('usage', {}), host.ours.hostUsage()])
    return { ...inside, host: outside }
  }

  async function* usages(signal: AbortSignal): AsyncGenerator<string> {
    while (!signal.aborted) {
      // A machine that sleeps is not woken to be looked at.
      await host.whenRunning(signal).catch(() => undefined)
      const now = signal.aborted ? undefined : await usage().catch(() => undefined)
      if (now) yield line<MachineUsage>(now)
      await sleep(usageInterval, undefined, { signal }).catch(() => undefined)
    }
  }

  return [
    [
      'GET',
      '/berth/machine',
      async ({ query, signal }) =>
        flag(query, 'stream') ? stream(ndjson, Readable.from(reports(signal))) : ok(await report()),
    ],
    [
      'GET',
      '/berth/machine/usage',
      async ({ query, signal }) =>
        flag(query, 'stream') ? stream(ndjson, Readable.from(usages(signal))) : ok(await usage()),
    ],
    ['POST', '/berth/machine/start', () => done(host.start())],
    ['POST', '/berth/machine/stop', () => done(host.stop())],
    ['POST', '/berth/machine/restart', () => done(host.restart())],
    ['POST', '/berth/machine/suspend', () => done(host.suspend())],
    ['POST', '/berth/machine/resume', async () => done(host.resume())],
    [
      'POST',
      '/berth/machine/set',
      async ({ query, json }) => {
        const answer = await host.set(await json(settingsChange))
        if (answer.restart.length > 0 && flag(query, 'restart')) {
          await host.restart()
          answer.live.push(...answer.restart.splice(0))
        }
        return ok({ report: await report(), ...answer } satisfies SetAnswer)
      },
    ],
    ['GET', '/berth/machine/doctor', async () => ok(await examine(host, dir))],
    ['GET', '/berth/machines', async () => ok(await listMachines(dataDir, host.choice.driver.name))],
    [
      'POST',
      '/berth/machine/use',
      async ({ json }) => {
        await chooseMachine(dataDir, (await json(useBody)).driver)
        return noContent()
      },
    ],
    [
      'GET',
      '/berth/machine/logs',
      async ({ query, signal }) =>
        stream(
          'text/plain; charset=utf-8',
          Readable.from(log.read(integer(query, 'tail', 200), flag(query, 'follow') ? signal : undefined)),
        ),
    ],
  ]
}

const line = <T>(value: T) => JSON.stringify(value) + '\n'
