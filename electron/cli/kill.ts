import { defineCommand, forEachName } from './command'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Kill one or more running containers',
  flags: { signal: { kind: 'string', short: 's', help: 'Signal to send to the container (default KILL)' } },
  args: [1, Infinity],
  run: ({ flags, args, engine }) =>
    forEachName(args, (name) =>
      engine.call('POST', `/containers/${name}/kill`, { query: { signal: flags.signal ?? 'KILL' } }),
    ),
})
