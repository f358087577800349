/** A document that a Dockerfile holds between `<<NAME` and NAME. */
export interface Heredoc {
  name: string
  /** Variables in it are replaced: its name was not quoted. */
  expand: boolean
  /** `<<-`: tabs at the beginning of its lines are not part of it. */
  chomp: boolean
  content: string
}

const isSpace = (character: string) => /\s/.test(character)

/**
 * Splits at white space that is neither quoted nor escaped. The words keep their quotes and escapes, as BuildKit's
 * `parseWords` gives them; an escape at the very end is dropped.
 */
export function rawWords(text: string, escape: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (!quote && isSpace(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    word ??= ''
    if (character === escape && quote !== "'") {
      if (at + 1 < text.length) word += character + text[++at]!
      continue
    }
    if (quote === character) quote = ''
    else if (!quote && (character === '"' || character === "'")) quote = character
    word += character
  }
  if (word) words.push(word)
  return words
}

/** Takes the leading `--flag` words off an instruction's arguments; quotes and escapes in them are resolved. */
export function splitFlags(text: string, escape: string): { flags: string[]; rest: string } {
  const flags: string[] = []
  let at = 0
  for (;;) {
    while (at < text.length && isSpace(text[at]!)) at++
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at).trim() }
    let word = ''
    let quote = ''
    for (; at < text.length && (quote || !isSpace(text[at]!)); at++) {
      const character = text[at]!
      if (character === escape && quote !== "'") word += text[++at] ?? ''
      else if (quote === character) quote = ''
      else if (!quote && (character === '"' || character === "'")) quote = character
      else word += character
    }
    if (word === '--') return { flags, rest: text.slice(at).trim() }
    flags.push(word)
  }
}

/**
 * The JSON array at the beginning of a text: its strings, 'mixed' when not all are strings, undefined when there is none.
 * What follows it is passed over, as dockerd's decoder does.
 */
export function jsonWords(text: string): string[] | 'mixed' | undefined {
  if (!text.startsWith('[')) return undefined
  // Strings, or anything else, up to the bracket that ends the array.
  const array = /^\[(?:"(?:[^"\\]|\\.)*"|[^"\]])*\]/.exec(text)?.[0]
  try {
    const list = JSON.parse(array ?? '') as unknown[]
    return list.every((item): item is string => typeof item === 'string') ? list : 'mixed'
  } catch {
    return undefined
  }
}

/** What a word `<<NAME`, `<<-NAME` or `3<<"NAME"` announces; undefined when it is no such word. */
export function heredocOf(word: string): Omit<Heredoc, 'content'> | undefined {
  const [, dash, rest] = /^\d*<<(-?)([^<]+)$/.exec(word) ?? []
  if (rest === undefined) return undefined
  const name = rest.replace(/"([^"]*)"|'([^']*)'|\\(.)/g, (_, a?: string, b?: string, c?: string) => a ?? b ?? c ?? '')
  return name === '' || isSpace(name) ? undefined : { name, expand: name === rest, chomp: dash === '-' }
}
