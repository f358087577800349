import type { Refuse } from './instructions'

/** The `--name=value` flags of an instruction. */
export interface Flags {
  one(name: string): string | undefined
  all(name: string): string[]
  boolean(name: string): boolean
}

const repeatable = ['mount', 'exclude']
const booleans = ['link', 'parents', 'keep-git-dir', 'unpack']

/** Checks the flags against those that the instruction takes. */
export function readFlags(words: readonly string[], allowed: readonly string[], refuse: Refuse): Flags {
  const found = new Map<string, string[]>()
  for (const word of words) {
    const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? []
    if (!allowed.includes(name)) refuse(`Unknown flag: ${name}`, word)
    if (value === undefined && !booleans.includes(name)) refuse(`Missing a value on flag: ${name}`, word)
    if (found.has(name) && !repeatable.includes(name)) refuse(`Duplicate flag specified: ${name}`, word)
    if (booleans.includes(name) && !['true', 'false', undefined].includes(value)) {
      refuse(`Expecting boolean value for flag ${name}, not: ${value}`, word)
    }
    found.set(name, [...(found.get(name) ?? []), value ?? 'true'])
  }
  return {
    one: (name) => found.get(name)?.[0],
    all: (name) => found.get(name) ?? [],
    boolean: (name) => found.get(name)?.[0] === 'true',
  }
}
