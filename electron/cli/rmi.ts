import { defineCommand } from './command'

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove one or more images',
  flags: {
    force: { kind: 'bool', short: 'f', help: 'Force removal of the image' },
    'no-prune': { kind: 'bool', help: 'Do not delete untagged parents' },
  },
  args: [1, Infinity],
  async run({ flags, args, engine }) {
    let code = 0
    for (const name of args) {
      try {
        const removed = await engine.call<{ Untagged?: string; Deleted?: string }[]>('DELETE', `/images/${name}`, {
          query: { force: flags.force, noprune: flags['no-prune'] },
        })
        for (const { Untagged, Deleted } of removed)
          process.stdout.write(Deleted ? `Deleted: ${Deleted}\n` : `Untagged: ${Untagged}\n`)
      } catch (error) {
        process.stderr.write(`${(error as Error).message}\n`)
        code = 1
      }
    }
    return code
  },
})
