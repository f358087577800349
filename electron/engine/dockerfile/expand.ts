import { EngineError } from '../errors'

/** Gives a variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined

/**
 * Replaces variables in one word of a Dockerfile and resolves its quotes and escapes, as BuildKit's shell lexer does:
 * `$x`, `${x}`, `${x:-word}`, `${x-word}`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%`, `%%`, `/`, `//`. Throws kind 'invalid'.
 */
export function expandWord(word: string, lookup: Lookup, escape: string): string {
  return new Expander(word, lookup, escape).whole().join(' ')
}

/** As expandWord; what comes of it is split into words where white space stands outside of quotes. */
export function expandWords(word: string, lookup: Lookup, escape: string): string[] {
  return new Expander(word, lookup, escape).whole(true)
}

/** Replaces variables and nothing else: quotes stay, and only an escape before `$` or itself is resolved (heredocs). */
export function expandText(text: string, lookup: Lookup, escape: string): string {
  return new Expander(text, lookup, escape).text()
}

class Expander {
  private at = 0

  constructor(
    private readonly source: string,
    private readonly lookup: Lookup,
    private readonly escape: string,
  ) {}

  whole(split = false): string[] {
    const words: string[] = []
    let word: string | undefined
    const end = () => {
      if (word !== undefined) words.push(word)
      word = undefined
    }
    while (this.at < this.source.length) {
      const character = this.source[this.at]!
      if (split && /\s/.test(character)) {
        this.at++
        end()
      } else if (split && character === '$') {
        // White space that a variable brings separates words too, and a variable without a value is no word.
        const [first = '', ...more] = this.dollar().split(/\s+/)
        if (first) word = (word ?? '') + first
        for (const next of more) {
          end()
          if (next) word = next
        }
      } else word = (word ?? '') + this.piece()
    }
    end()
    return split ? words : [words.join('')]
  }

  text(): string {
    let text = ''
    while (this.at < this.source.length) {
      const character = this.source[this.at]!
      if (character === this.escape && [this.escape, '$'].includes(this.source[this.at + 1] ?? '')) {
        text += this.source[this.at + 1]!
        this.at += 2
      } else if (character === '$') text += this.dollar()
      else {
        text += character
        this.at++
      }
    }
    return text
  }

  /** One unquoted character, a quoted string, or a variable. */
  private piece(): string {
    const character = this.source[this.at]!
    if (character === "'") return this.singleQuoted()
    if (character === '"') return this.doubleQuoted()
    if (character === '$') return this.dollar()
    this.at++
    if (character !== this.escape) return character
    const next = this.source[this.at++]
    return next ?? ''
  }

  private singleQuoted(): string {
    const end = this.source.indexOf("'", this.at + 1)
    if (end < 0) throw this.bad('unexpected end of statement while looking for matching single-quote')
    const text = this.source.slice(this.at + 1, end)
    this.at = end + 1
    return text
  }

  private doubleQuoted(): string {
    let text = ''
    this.at++
    for (;;) {
      const character = this.source[this.at]
      if (character === undefined) {
        throw this.bad('unexpected end of statement while looking for matching double-quote')
      }
      if (character === '$') {
        text += this.dollar()
        continue
      }
      this.at++
      if (character === '"') return text
      if (character !== this.escape) {
        text += character
        continue
      }
      const next = this.source[this.at++]
      if (next === undefined) throw this.bad('unexpected end of statement while looking for matching double-quote')
      text += next === '"' || next === '$' || next === this.escape ? next : character + next
    }
  }

  private dollar(): string {
    this.at++
    if (this.source[this.at] !== '{') {
      const name = this.name()
      return name === '' ? '$' : (this.lookup(name) ?? '')
    }
    this.at++
    if (this.source[this.at] === '}') throw this.bad('syntax error: bad substitution')
    const name = this.name()
    const value = this.lookup(name)
    let operator = this.source[this.at++]
    if (operator === '}') return value ?? ''
    if (operator === undefined) throw this.bad("syntax error: missing '}'")
    if (name === '') throw this.bad('syntax error: bad substitution')
    const orEmpty = operator === ':'
    if (orEmpty) operator = this.source[this.at++] ?? ''
    const missing = value === undefined || (orEmpty && value === '')
    switch (operator) {
      case '-': {
        const word = this.until('}')
        return missing ? word : value
      }
      case '+': {
        const word = this.until('}')
        return missing ? '' : word
      }
      case '?': {
        const word = this.until('}')
        if (missing) throw this.bad(`${name}: ${word || 'is not allowed to be unset'}`)
        return value
      }
    }
    if (!orEmpty && (operator === '#' || operator === '%')) {
      const greedy = this.source[this.at] === operator
      if (greedy) this.at++
      return trim(value ?? '', this.until('}'), operator, greedy)
    }
    if (!orEmpty && operator === '/') {
      const all = this.source[this.at] === '/'
      if (all) this.at++
      const pattern = this.until('/')
      const replacement = this.until('}')
      return (value ?? '').replace(globPattern(pattern, all ? 'g' : '', true), () => replacement)
    }
    throw this.bad(`unsupported modifier (${orEmpty ? ':' : ''}${operator}) in substitution`)
  }

  /** A variable's name; a digit string or one special character is a name too. */
  private name(): string {
    const rest = this.source.slice(this.at)
    const name = /^(\d+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*)/u.exec(rest)?.[0] ?? ''
    this.at += name.length
    return name
  }

  /** The text up to an end character, expanded itself. */
  private until(end: string): string {
    let text = ''
    for (;;) {
      const character = this.source[this.at]
      if (character === undefined) throw this.bad(`syntax error: missing '${end}' in substitution`)
      if (character === end) {
        this.at++
        return text
      }
      text += this.piece()
    }
  }

  private bad(message: string): EngineError {
    return new EngineError('invalid', `failed to process "${this.source}": ${message}`)
  }
}

/** `${x#pattern}` and `${x%pattern}`: cuts the shortest match off the beginning or the end, the longest if greedy. */
function trim(value: string, pattern: string, side: string, greedy: boolean): string {
  const whole = globPattern(pattern, '', false)
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => (greedy ? value.length - length : length))
  for (const length of lengths) {
    const part = side === '#' ? value.slice(0, length) : value.slice(value.length - length)
    if (whole.test(part)) return side === '#' ? value.slice(length) : value.slice(0, value.length - length)
  }
  return value
}

/** A shell pattern of `*` and `?` as a regular expression, for a whole text or for a part of it. */
function globPattern(pattern: string, flags: string, part: boolean): RegExp {
  const source = pattern.replace(/\\?[\s\S]/g, (piece) => {
    if (piece === '*') return '[\\s\\S]*'
    if (piece === '?') return '[\\s\\S]'
    return piece.slice(-1).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(part ? source : `^${source}$`, flags)
}
