import { EngineError } from './client'
import { defineCommand, forEachName } from './command'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Remove one or more containers',
  flags: {
    force: { kind: 'bool', short: 'f', help: 'Force the removal of a running container (uses SIGKILL)' },
    volumes: { kind: 'bool', short: 'v', help: 'Remove anonymous volumes associated with the container' },
  },
  args: [1, Infinity],
  run: ({ flags, args, engine }) =>
    forEachName(args, (name) =>
      engine
        .call('DELETE', `/containers/${name}`, { query: { force: flags.force, v: flags.volumes } })
        .catch((error: unknown) => {
          // With -f, what is not there is as good as removed (docker says it on stderr and exits with 0).
          if (!flags.force || !(error instanceof EngineError) || error.status !== 404) throw error
          process.stderr.write(`${error.message}\n`)
          return 'silent'
        }),
    ),
})
