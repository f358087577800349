import type { MachineSettings, SetAnswer } from '../../shared/machine'
import { parseBytes } from '../../shared/units'
import { defineCommand, Exit } from './command'

const count = (text: string) => {
  if (!/^\d+$/.test(text)) throw new Exit(125, `invalid number: '${text}'`)
  return Number(text)
}
const bytes = (text: string) => {
  try {
    return parseBytes(text)
  } catch (error) {
    throw new Exit(125, (error as Error).message)
  }
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Change what the machine is given; 0 leaves it to Berth',
  flags: {
    cpus: { kind: 'string', help: 'Processors' },
    memory: { kind: 'string', short: 'm', help: 'Memory, e.g. 4g' },
    swap: { kind: 'string', help: 'Swap beside the memory' },
    disk: { kind: 'string', help: 'Greatest size of the disk' },
    'suspend-after': { kind: 'string', help: 'Suspend after so many minutes without use; 0 is never' },
    'suspend-on-quit': { kind: 'string', help: 'Suspend when the engine ends: true or false' },
    restart: { kind: 'bool', help: 'Restart the machine where a change needs that' },
  },
  args: [0, 0],
  async run({ flags, engine }) {
    const onQuit = flags['suspend-on-quit']
    if (onQuit && !['true', 'false'].includes(onQuit))
      throw new Exit(125, `invalid value for --suspend-on-quit: '${onQuit}'`)
    const after = flags['suspend-after']
    const body: Partial<MachineSettings> = {
      ...(flags.cpus && { cpus: count(flags.cpus) }),
      ...(flags.memory && { memory: bytes(flags.memory) }),
      ...(flags.swap && { swap: bytes(flags.swap) }),
      ...(flags.disk && { disk: bytes(flags.disk) }),
      ...(after && { suspendAfter: count(after) }),
      ...(onQuit && { suspendOnQuit: onQuit === 'true' }),
    }
    if (Object.keys(body).length === 0) throw new Exit(125, 'nothing to set: give at least one option')
    const query = flags.restart ? { restart: 1 } : {}
    const { live, restart } = await engine.call<SetAnswer>('POST', '/berth/machine/set', { body, query })
    for (const name of live) process.stdout.write(`${name}: holds now\n`)
    for (const name of restart) process.stdout.write(`${name}: holds from the machine's next start on\n`)
  },
})
