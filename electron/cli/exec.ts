import { readFileSync } from 'node:fs'
import { defineCommand, Exit } from './command'
import { readEnvironment } from './container-config'
import { joinStreams } from './stdio'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Execute a command in a running container',
  flags: {
    detach: { kind: 'bool', short: 'd', help: 'Detached mode: run command in the background' },
    'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
    env: { kind: 'list', short: 'e', help: 'Set environment variables' },
    'env-file': { kind: 'list', help: 'Read in a file of environment variables' },
    interactive: { kind: 'bool', short: 'i', help: 'Keep STDIN open even if not attached' },
    privileged: { kind: 'bool', help: 'Give extended privileges to the command' },
    tty: { kind: 'bool', short: 't', help: 'Allocate a pseudo-TTY' },
    user: { kind: 'string', short: 'u', help: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
    workdir: { kind: 'string', short: 'w', help: 'Working directory inside the container' },
  },
  passThrough: true,
  args: [2, Infinity],
  async run({ flags, args: [container, ...Cmd], engine }) {
    const { detach, tty, interactive } = flags
    if (tty && interactive && !detach && !process.stdin.isTTY) throw new Exit(1, 'the input device is not a TTY')
    const Env = readEnvironment(flags['env-file'], flags.env, {
      env: process.env,
      cwd: process.cwd(),
      readText: (path) => readFileSync(path, 'utf8'),
    })
    const { rows, columns } = process.stdout
    const ConsoleSize = tty && rows && columns ? [rows, columns] : undefined
    const { Id } = await engine.call<{ Id: string }>('POST', `/containers/${container}/exec`, {
      body: {
        AttachStdin: interactive && !detach,
        AttachStdout: !detach,
        AttachStderr: !detach,
        Tty: tty,
        Cmd,
        Env,
        User: flags.user,
        WorkingDir: flags.workdir,
        Privileged: flags.privileged,
        DetachKeys: flags['detach-keys'],
        ConsoleSize,
      },
    })
    const start = { Detach: detach, Tty: tty, ConsoleSize }
    if (detach) {
      await engine.call('POST', `/exec/${Id}/start`, { body: start })
      return 0
    }
    const connection = await engine.hijack(`/exec/${Id}/start`, { body: start })
    const ending = await joinStreams(connection, {
      tty,
      stdin: interactive,
      detachKeys: flags['detach-keys'],
      resize: tty
        ? (size) => engine.call('POST', `/exec/${Id}/resize`, { query: { h: size.rows, w: size.columns } })
        : undefined,
    })
    if (ending === 'detached') return 0
    return (await engine.call<{ ExitCode: number | null }>('GET', `/exec/${Id}/json`)).ExitCode ?? 0
  },
})
