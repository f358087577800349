import { humanDuration } from '../../shared/units'
import { EngineClient } from './client'
import { defineCommand } from './command'
import { engineFlags, placeOf, readEngineState } from './engine-state'
import type { MachineReport } from '../../shared/machine'
import { printObject } from './table'

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show whether the engine runs; exits with 1 when it does not',
  flags: {
    ...engineFlags,
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
  },
  args: [0, 0],
  async run({ flags }) {
    const place = placeOf(flags)
    const { pid, since, answers } = await readEngineState(place)
    const State = answers ? 'running' : pid ? 'starting or not responding' : 'stopped'
    const machine = answers
      ? await new EngineClient(place.host).call<MachineReport>('GET', '/berth/machine').catch(() => undefined)
      : undefined
    const status = {
      State,
      Host: place.host,
      DataDir: place.dataDir,
      Machine: machine?.driver,
      Pid: pid,
      StartedAt: since ? new Date(since).toISOString() : undefined,
    }
    printObject(status, flags.format, () =>
      [
        `Engine:   ${State}`,
        `Address:  ${place.host}`,
        `Data:     ${place.dataDir}`,
        ...(machine ? [`Machine:  ${machine.driver} (${machine.why})`] : []),
        ...(pid ? [`PID:      ${pid}`] : []),
        ...(since ? [`Uptime:   ${humanDuration(Date.now() - since)}`] : []),
        '',
      ].join('\n'),
    )
    return answers ? 0 : 1
  },
})
