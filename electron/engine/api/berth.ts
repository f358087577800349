import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MachineHost } from '../system/machine-host'
import { flag, ok, stream, type Route } from './http'

const usageInterval = 1000

/** What Docker has no word for: the machine under the engine. */
export function berthRoutes(host: MachineHost): Route[] {
  const usage = async () => ({
    ...(await host.guest().call('usage', {})),
    host: await host.running().hostUsage(),
  })

  async function* usageEverySecond(signal: AbortSignal): AsyncGenerator<string> {
    while (!signal.aborted) {
      yield JSON.stringify(await usage()) + '\n'
      await sleep(usageInterval, undefined, { signal }).catch(() => undefined)
    }
  }

  return [
    [
      'GET',
      '/berth/machine',
      async () => {
        const { choice } = host
        return ok({
          driver: choice.driver.name,
          why: choice.why,
          passedOver: choice.passedOver,
          state: host.state,
          boot: host.boot,
          features: host.running().features,
          facts: host.facts(),
          host: await host.running().hostUsage(),
          limits: { cpus: host.facts().cpus, memory: host.facts().memory },
        })
      },
    ],
    [
      'GET',
      '/berth/machine/usage',
      async ({ query, signal }) =>
        flag(query, 'stream')
          ? stream('application/x-ndjson', Readable.from(usageEverySecond(signal)))
          : ok(await usage()),
    ],
  ]
}
