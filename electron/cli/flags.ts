/** One option of a command. `kind` says what the user gives: nothing (or `=false`), a text, a number, many texts. */
export interface Flag {
  kind: 'bool' | 'string' | 'int' | 'list'
  short?: string
  /** The word for the value in the help, by default the kind. */
  value?: string
  /** What a bool is when the user says nothing. */
  initial?: boolean
  help: string
}

export type FlagTable = Record<string, Flag>

type ValueOf<F extends Flag> = F['kind'] extends 'bool'
  ? boolean
  : F['kind'] extends 'list'
    ? string[]
    : F['kind'] extends 'int'
      ? number | undefined
      : string | undefined

/** The values of a table's options: false (or `initial`), undefined or an empty list where the user gave nothing. */
export type Flags<T extends FlagTable> = { [name in keyof T]: ValueOf<T[name]> }

/** A command line that breaks the command's rules. */
export class UsageError extends Error {}

/**
 * Reads a command line by the rules of Docker's CLI (Go's pflag): `--name=x`, `--name x`, `-n x`, `-nx`, `-n=x`, `-it`,
 * `--bool=false`, and `--` ends the options. With `passThrough` they also end at the first argument. Throws a
 * UsageError with pflag's words.
 */
export function parseFlags<T extends FlagTable>(table: T, argv: readonly string[], passThrough = false) {
  const values = Object.fromEntries(
    Object.entries(table).map(([name, { kind, initial = false }]) => [
      name,
      kind === 'bool' ? initial : kind === 'list' ? [] : undefined,
    ]),
  ) as Record<string, boolean | string | number | string[] | undefined>
  const args: string[] = []
  const names = new Map(Object.entries(table).flatMap(([name, { short }]) => (short ? [[short, name] as const] : [])))
  const rest = [...argv]

  const set = (name: string, shown: string, value: string) => {
    const flag = table[name]!
    if (flag.kind === 'bool') {
      if (!/^(1|t|true|0|f|false)$/i.test(value))
        throw new UsageError(`invalid argument "${value}" for "${shown}" flag`)
      values[name] = /^(1|t|true)$/i.test(value)
    } else if (flag.kind === 'int') {
      if (!/^[+-]?\d+$/.test(value)) throw new UsageError(`invalid argument "${value}" for "${shown}" flag`)
      values[name] = Number(value)
    } else if (flag.kind === 'list') (values[name] as string[]).push(value)
    else values[name] = value
  }

  while (rest.length) {
    const word = rest.shift()!
    if (word === '--') {
      args.push(...rest.splice(0))
    } else if (word.startsWith('--')) {
      const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(word)!
      if (!Object.hasOwn(table, name)) throw new UsageError(`unknown flag: --${name}`)
      const given = value ?? (table[name]!.kind === 'bool' ? 'true' : rest.shift())
      if (given === undefined) throw new UsageError(`flag needs an argument: --${name}`)
      set(name, `--${name}`, given)
    } else if (word.startsWith('-') && word.length > 1) {
      for (let at = 1; at < word.length; at++) {
        const name = names.get(word[at]!)
        if (!name) throw new UsageError(`unknown shorthand flag: '${word[at]}' in ${word}`)
        const tail = word.slice(at + 1)
        const shown = `-${word[at]}, --${name}`
        if (table[name]!.kind === 'bool' && !tail.startsWith('=')) {
          set(name, shown, 'true')
          continue
        }
        const given = tail ? tail.replace(/^=/, '') : rest.shift()
        if (given === undefined) throw new UsageError(`flag needs an argument: '${word[at]}' in ${word}`)
        set(name, shown, given)
        break
      }
    } else {
      args.push(word)
      if (passThrough) args.push(...rest.splice(0))
    }
  }
  return { flags: values as Flags<T>, args }
}

/** The table as the `Options:` block of a help text. */
export function describeFlags(table: FlagTable): string {
  const rows = Object.entries(table)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { kind, short, value, help }]) => {
      const type = kind === 'bool' ? '' : ` ${value ?? kind}`
      return [`  ${short ? `-${short}, ` : '    '}--${name}${type}`, help] as const
    })
  const width = Math.max(...rows.map(([left]) => left.length)) + 3
  return rows.map(([left, help]) => left.padEnd(width) + help).join('\n')
}
