import type { MachineListing } from '../../shared/machine'
import { humanSize } from '../../shared/units'
import { defineCommand } from './command'

export const command = defineCommand({
  usage: '',
  summary: 'List the kinds of machine, and which of them work here',
  flags: {},
  args: [0, 0],
  async run({ engine }) {
    for (const { driver, available, detail, current, bytes } of await engine.call<MachineListing[]>(
      'GET',
      '/berth/machines',
    ))
      process.stdout.write(
        `${current ? '*' : ' '} ${driver.padEnd(8)} ${(bytes ? humanSize(bytes) : '-').padEnd(8)} ${available ? '' : 'not here: '}${detail}\n`,
      )
  },
})
