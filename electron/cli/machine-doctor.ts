import type { DoctorReport } from '../../shared/machine'
import { defineCommand } from './command'

const marks = { ok: 'ok      ', warning: 'warning ', failure: 'failure ' }

export const command = defineCommand({
  usage: '',
  summary: 'Look at all that the machine needs',
  flags: {},
  args: [0, 0],
  async run({ engine }) {
    const { status, checks } = await engine.call<DoctorReport>('GET', '/berth/machine/doctor')
    for (const { title, status: one, detail, fix } of checks)
      process.stdout.write(`${marks[one]} ${title}: ${detail}${fix ? ` ${fix}` : ''}\n`)
    return status === 'failure' ? 1 : 0
  },
})
