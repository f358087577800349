import { parseTimestamp } from '../../shared/units'
import { defineCommand } from './command'
import { copyOutput } from './stdio'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER',
  summary: 'Fetch the logs of a container',
  flags: {
    details: { kind: 'bool', help: 'Show extra details provided to logs' },
    follow: { kind: 'bool', short: 'f', help: 'Follow log output' },
    since: { kind: 'string', help: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")' },
    tail: { kind: 'string', short: 'n', help: 'Number of lines to show from the end of the logs (default "all")' },
    timestamps: { kind: 'bool', short: 't', help: 'Show timestamps' },
    until: { kind: 'string', help: 'Show logs before a timestamp or relative (as --since)' },
  },
  args: [1, 1],
  async run({ flags, args: [name], engine }) {
    const now = Date.now()
    const time = (text?: string) => text && parseTimestamp(text, now)
    const { Id, Config } = await engine.call<{ Id: string; Config: { Tty: boolean } }>(
      'GET',
      `/containers/${name}/json`,
    )
    const log = await engine.open('GET', `/containers/${Id}/logs`, {
      query: {
        stdout: true,
        stderr: true,
        follow: flags.follow,
        timestamps: flags.timestamps,
        details: flags.details,
        tail: flags.tail ?? 'all',
        since: time(flags.since),
        until: time(flags.until),
      },
    })
    await copyOutput(log, Config.Tty)
  },
})
