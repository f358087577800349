import { defineCommand } from './command'
import { containerFlags } from './container-flags'
import { createContainer } from './create-container'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a new container',
  flags: containerFlags,
  passThrough: true,
  args: [1, Infinity],
  async run({ flags, args, engine }) {
    const { id } = await createContainer(engine, flags, args)
    process.stdout.write(`${id}\n`)
  },
})
