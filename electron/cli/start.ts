import { defineCommand, forEachName } from './command'
import { attachTo } from './attach'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Start one or more stopped containers',
  flags: {
    attach: { kind: 'bool', short: 'a', help: 'Attach STDOUT/STDERR and forward signals' },
    'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
    interactive: { kind: 'bool', short: 'i', help: "Attach container's STDIN" },
  },
  args: [1, Infinity],
  async run({ flags, args, engine }) {
    const start = (name: string) => engine.call('POST', `/containers/${name}/start`)
    if (!flags.attach && !flags.interactive) return forEachName(args, start)
    if (args.length > 1) throw new Error('you cannot start and attach multiple containers at once')
    const [name = ''] = args
    return attachTo(engine, name, {
      stdin: flags.interactive,
      signals: true,
      detachKeys: flags['detach-keys'],
      condition: 'next-exit',
      begin: () => start(name),
    })
  },
})
