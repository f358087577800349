import { homedir } from 'node:os'
import { dockerConfigDir, dockerContextName, ensureDockerContext } from '../../shared/docker-context'
import { defineCommand } from './command'
import { engineFlags, placeOf } from './engine-state'

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Write the docker context `berth`, which leads the docker command to this engine',
  flags: engineFlags,
  args: [0, 0],
  async run({ flags }) {
    await ensureDockerContext(dockerConfigDir(process.env, homedir()), placeOf(flags).host)
    process.stdout.write(`${dockerContextName}\n`)
  },
})
