import { setTimeout as sleep } from 'node:timers/promises'
import { defineCommand, Exit } from './command'
import { engineFlags, isAlive, placeOf, readEngineState } from './engine-state'

const pollMs = 50

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Stop the engine and wait until it has ended',
  flags: { ...engineFlags, time: { kind: 'int', short: 't', help: 'Seconds to wait (default 60)' } },
  args: [0, 0],
  async run({ flags }) {
    const place = placeOf(flags)
    const { pid, answers } = await readEngineState(place)
    if (!answers) {
      process.stdout.write('The engine is not running\n')
      return 0
    }
    if (!pid)
      throw new Exit(
        1,
        `The engine at ${place.host} was not started on ${place.dataDir}; stop it where it was started.`,
      )
    process.kill(pid, 'SIGTERM')
    for (let left = (flags.time ?? 60) * 1000; isAlive(pid); left -= pollMs) {
      if (left <= 0) throw new Exit(1, `The engine (pid ${pid}) is still stopping.`)
      await sleep(pollMs)
    }
    process.stdout.write('The engine has stopped\n')
    return 0
  },
})
