import { homedir } from 'node:os'
import { defaultHost } from '../../shared/paths'
import { berthVersion } from '../../shared/version'
import { EngineClient } from './client'
import { Exit, runCommand, type Command } from './command'
import { parseFlags } from './flags'

// Each command is loaded when it is called, so that the short ones start at once.
const commands: Record<string, { summary: string; load: () => Promise<{ command: Command }> }> = {
  run: { summary: 'Create and run a new container from an image', load: () => import('./run') },
  create: { summary: 'Create a new container', load: () => import('./create') },
  ps: { summary: 'List containers', load: () => import('./ps') },
  start: { summary: 'Start one or more stopped containers', load: () => import('./start') },
  stop: { summary: 'Stop one or more running containers', load: () => import('./stop') },
  restart: { summary: 'Restart one or more containers', load: () => import('./restart') },
  kill: { summary: 'Kill one or more running containers', load: () => import('./kill') },
  rm: { summary: 'Remove one or more containers', load: () => import('./rm') },
  logs: { summary: 'Fetch the logs of a container', load: () => import('./logs') },
  exec: { summary: 'Execute a command in a running container', load: () => import('./exec') },
  attach: { summary: 'Attach local streams to a running container', load: () => import('./attach') },
  cp: { summary: 'Copy files between a container and the local filesystem', load: () => import('./cp') },
  images: { summary: 'List images', load: () => import('./images') },
  pull: { summary: 'Download an image from a registry', load: () => import('./pull') },
  rmi: { summary: 'Remove one or more images', load: () => import('./rmi') },
  inspect: { summary: 'Return low-level information on Docker objects', load: () => import('./inspect') },
  version: { summary: 'Show the version of the CLI and the engine', load: () => import('./version') },
  info: { summary: 'Display system-wide information', load: () => import('./info') },
  'engine start': { summary: 'Start the engine in the background', load: () => import('./engine-start') },
  'engine stop': { summary: 'Stop the engine', load: () => import('./engine-stop') },
  'engine status': { summary: 'Show whether the engine runs', load: () => import('./engine-status') },
  machine: { summary: 'Show the machine that the containers run on', load: () => import('./machine') },
  'machine inspect': { summary: 'Show the machine that the containers run on', load: () => import('./machine') },
  'machine ls': { summary: 'List the kinds of machine', load: () => import('./machine-ls') },
  'machine start': {
    summary: 'Start the machine',
    load: async () => ({ command: (await import('./machine-life')).start }),
  },
  'machine stop': {
    summary: 'Stop the machine',
    load: async () => ({ command: (await import('./machine-life')).stop }),
  },
  'machine restart': {
    summary: 'Restart the machine',
    load: async () => ({ command: (await import('./machine-life')).restart }),
  },
  'machine suspend': {
    summary: 'Put the machine to sleep',
    load: async () => ({ command: (await import('./machine-life')).suspend }),
  },
  'machine resume': {
    summary: 'Wake the machine',
    load: async () => ({ command: (await import('./machine-life')).resume }),
  },
  'machine set': { summary: 'Change what the machine is given', load: () => import('./machine-set') },
  'machine use': { summary: 'Choose the machine of the next start', load: () => import('./machine-use') },
  'machine logs': { summary: 'Show the console of the machine', load: () => import('./machine-logs') },
  'machine doctor': { summary: 'Look at all that the machine needs', load: () => import('./machine-doctor') },
  context: { summary: 'Write the docker context `berth` for the docker CLI', load: () => import('./context') },
}

// Docker's longer names; `container NAME` is NAME where nothing else is said.
const aliases: Record<string, [name: string, ...args: string[]]> = {
  'container inspect': ['inspect', '--type', 'container'],
  'container list': ['ps'],
  'container ls': ['ps'],
  'image inspect': ['inspect', '--type', 'image'],
  'image list': ['images'],
  'image ls': ['images'],
  'image pull': ['pull'],
  'image rm': ['rmi'],
  'system info': ['info'],
}

const globalFlags = {
  host: { kind: 'string', short: 'H', help: 'Address of the engine' },
  version: { kind: 'bool', short: 'v', help: 'Print version information and quit' },
  help: { kind: 'bool', help: 'Print usage' },
} as const

const usage = `Usage:  berth [OPTIONS] COMMAND

Run containers with nothing else installed

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(15)}${summary}`)
  .join('\n')}

Options:
  -H, --host string   Address of the engine (default: BERTH_HOST, DOCKER_HOST, or Berth's own)
  -v, --version       Print version information and quit

Run 'berth COMMAND --help' for more information on a command.
`

/** The command that the line names, with the arguments left for it. */
function findCommand(line: string[]): { name: string; argv: string[] } {
  for (const words of [2, 1]) {
    const name = line.slice(0, words).join(' ')
    const [own, ...args] = aliases[name] ?? [line[0] === 'container' && words === 2 ? line[1]! : name]
    if (Object.hasOwn(commands, own)) return { name: own, argv: [...args, ...line.slice(words)] }
  }
  const group = Object.keys(commands).filter((name) => name.startsWith(`${line[0]} `))
  if (group.length)
    throw new Exit(1, `Usage:  berth ${line[0]} COMMAND\n\nCommands:\n${group.map((name) => `  ${name}`).join('\n')}`)
  throw new Exit(1, `berth: unknown command: berth ${line[0]}\n\nRun 'berth --help' for more information`)
}

async function main(): Promise<number> {
  const { flags, args } = parseFlags(globalFlags, process.argv.slice(2), true)
  if (flags.version) {
    process.stdout.write(`Berth version ${berthVersion}\n`)
    return 0
  }
  if (flags.help || !args.length || args[0] === 'help') {
    process.stdout.write(usage)
    return 0
  }
  const { name, argv } = findCommand(args)
  const { command } = await commands[name]!.load()
  const { platform, env } = process
  return runCommand(
    name,
    command,
    argv,
    () =>
      new EngineClient(
        flags.host || env.BERTH_HOST || env.DOCKER_HOST || defaultHost({ platform, env, home: homedir() }),
      ),
  )
}

/** A reader that went away (`berth ps | head -1`) ends us quietly, as SIGPIPE would. */
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1))

main()
  .catch((error: unknown) => {
    const { message } = error as Error
    if (message) process.stderr.write(`${message}\n`)
    return error instanceof Exit ? error.code : 1
  })
  .then((code) => process.stdout.write('', () => process.stderr.write('', () => process.exit(code))))
