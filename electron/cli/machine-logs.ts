import { pipeline } from 'node:stream/promises'
import { defineCommand } from './command'

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: "Show the console of the machine and its driver's notes, since the engine's start",
  flags: {
    follow: { kind: 'bool', short: 'f', help: 'Follow what comes' },
    tail: { kind: 'string', short: 'n', help: 'Number of lines to show from the end (default 200)' },
  },
  args: [0, 0],
  async run({ flags, engine }) {
    const log = await engine.open('GET', '/berth/machine/logs', { query: { follow: flags.follow, tail: flags.tail } })
    await pipeline(log, process.stdout, { end: false })
  },
})
