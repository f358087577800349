import type { MachineReport } from '../../shared/machine'
import { defineCommand } from './command'

const life = (act: string, summary: string) =>
  defineCommand({
    usage: '',
    summary,
    flags: {},
    args: [0, 0],
    async run({ engine }) {
      const { driver, state } = await engine.call<MachineReport>('POST', `/berth/machine/${act}`)
      process.stdout.write(`${driver} ${state}\n`)
    },
  })

export const start = life('start', 'Start the machine')
export const stop = life('stop', 'Stop the machine and its containers')
export const restart = life('restart', 'Stop the machine and start it')
export const suspend = life('suspend', 'Put the machine to sleep with all that runs in it')
export const resume = life('resume', 'Wake the machine')
