import type { EngineClient } from './client'
import { describeFlags, parseFlags, UsageError, type Flags, type FlagTable } from './flags'

/** One command of the CLI. `run` gives its exit code; anything but a number is 0. */
export interface Command<T extends FlagTable = FlagTable> {
  /** What follows the command's name: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  usage: string
  summary: string
  flags: T
  /** Everything after the first argument belongs to the container. */
  passThrough?: boolean
  /** How many arguments it takes: at least, at most. */
  args: [least: number, most: number]
  run(input: { flags: Flags<T>; args: string[]; engine: EngineClient }): Promise<unknown>
}

/** Ties a command's `run` to the types of its own flags. */
export const defineCommand = <T extends FlagTable>(command: Command<T>) => command as unknown as Command

/** The words of an error that ends the command with an exit code of its own; nothing is printed when empty. */
export class Exit extends Error {
  constructor(
    readonly code: number,
    message = '',
  ) {
    super(message)
  }
}

const plural = (count: number) => `${count} argument${count === 1 ? '' : 's'}`

function checkCount(name: string, { args: [least, most], usage }: Command, count: number): void {
  if (count >= least && count <= most) return
  const wants =
    most === 0
      ? 'accepts no arguments'
      : least === most
        ? `requires ${plural(least)}`
        : count < least
          ? `requires at least ${plural(least)}`
          : `requires at most ${plural(most)}`
  throw new Exit(
    1,
    `berth: 'berth ${name}' ${wants}\n\nUsage:  berth ${name} ${usage}\n\nSee 'berth ${name} --help' for more information`,
  )
}

/** Parses a command's line and runs it, or prints its help. */
export async function runCommand(name: string, command: Command, argv: string[], engine: () => EngineClient) {
  const table: FlagTable = { ...command.flags, help: { kind: 'bool', help: 'Print usage' } }
  try {
    const parsed = parseFlags(table, argv, command.passThrough)
    if (parsed.flags.help) {
      process.stdout.write(
        `Usage:  berth ${name} ${command.usage}\n\n${command.summary}\n\nOptions:\n${describeFlags(table)}\n`,
      )
      return 0
    }
    checkCount(name, command, parsed.args.length)
    const code = await command.run({
      ...parsed,
      // Asked for only by the commands that talk to an engine.
      get engine() {
        return engine()
      },
    })
    return typeof code === 'number' ? code : 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new Exit(
      125,
      `${error.message}\n\nUsage:  berth ${name} ${command.usage}\n\nRun 'berth ${name} --help' for more information`,
    )
  }
}

/**
 * Does one thing for each name, as `docker rm a b` does: each success prints the name, each failure its error on
 * stderr, and any failure makes the exit code 1. An act that gives 'silent' has nothing to print.
 */
export async function forEachName(names: string[], act: (name: string) => Promise<unknown>): Promise<number> {
  let code = 0
  for (const name of names) {
    try {
      if ((await act(name)) !== 'silent') process.stdout.write(`${name}\n`)
    } catch (error) {
      process.stderr.write(`${(error as Error).message}\n`)
      code = 1
    }
  }
  return code
}
