import { defineCommand } from './command'

export const command = defineCommand({
  usage: 'auto|native|qemu|builtin',
  summary: 'Choose the machine of the next start of the engine; each has images and containers of its own',
  flags: {},
  args: [1, 1],
  async run({ args: [driver], engine }) {
    await engine.call('POST', '/berth/machine/use', { body: { driver } })
    process.stdout.write(`${driver} from the next start of the engine on; what the other machine has stays there\n`)
  },
})
