import { defineCommand, forEachName } from './command'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Restart one or more containers',
  flags: {
    signal: { kind: 'string', short: 's', help: 'Signal to send to the container' },
    time: { kind: 'int', short: 't', help: 'Seconds to wait before killing the container' },
  },
  args: [1, Infinity],
  run: ({ flags, args, engine }) =>
    forEachName(args, (name) =>
      engine.call('POST', `/containers/${name}/restart`, { query: { t: flags.time, signal: flags.signal } }),
    ),
})
