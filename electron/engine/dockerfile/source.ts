import { EngineError } from '../errors'
import { errorAt, type Place } from './errors'
import { heredocOf, rawWords, splitFlags, type Heredoc } from './words'

/** One instruction of a Dockerfile, taken apart as far as all instructions are alike. */
export interface Node {
  /** In capitals. */
  keyword: string
  /** The whole instruction on one line, as it was written. */
  original: string
  flags: string[]
  /** What comes after the flags. */
  rest: string
  heredocs: Heredoc[]
  place: Place
}

export interface Source {
  nodes: Node[]
  /** The character that continues lines and takes the meaning from the next one. */
  escape: string
  /** For the person who builds. */
  warnings: string[]
}

const withHeredocs = ['RUN', 'COPY', 'ADD']

/**
 * Cuts a Dockerfile into its instructions: parser directives, comments, continued lines, heredocs (the rules of
 * BuildKit's parser). Throws kind 'invalid' in dockerd's words, with the line.
 */
export function readSource(text: string, name: string): Source {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  if (text === '') throw new EngineError('invalid', `the Dockerfile (${name}) cannot be empty`)
  const placeOf = (at: number): Place => ({ line: at + 1, text: lines[at] ?? '' })
  const escape = escapeOf(lines, name)
  const continued = new RegExp(`(^|[^${'\\'}${escape}])${'\\'}${escape}[ \\t]*$`)
  const nodes: Node[] = []
  const warnings: string[] = []
  for (let at = 0; at < lines.length;) {
    const first = at
    let whole = lines[at++]!.trimStart()
    if (whole.startsWith('#') || whole === '') continue
    let blank = false
    while (continued.test(whole) && at < lines.length) {
      const next = lines[at++]!
      if (/^\s*#/.test(next)) continue
      if (next.trim() === '') {
        // The last line's end is no line of its own.
        blank ||= at < lines.length
        continue
      }
      whole = whole.replace(continued, '$1') + next
    }
    whole = whole.replace(continued, '$1').trimEnd()
    if (blank) warnings.push(`[WARNING]: Empty continuation line found in:\n    ${whole}`)
    if (whole === '') continue
    const node = nodeOf(whole, escape, placeOf(first))
    if (bodyKeywords(node).some((keyword) => withHeredocs.includes(keyword))) {
      for (const opened of rawWords(node.rest, escape).map(heredocOf)) {
        if (opened) at = readHeredoc(lines, at, opened, node)
      }
    }
    nodes.push(node)
  }
  if (nodes.length === 0) throw new EngineError('invalid', `failed to parse ${name}: file with no instructions`)
  if (warnings.length > 0) warnings.push('[WARNING]: Empty continuation lines will become errors in a future release.')
  return { nodes, escape, warnings }
}

/** One instruction on a line of its own. */
export function nodeOf(line: string, escape: string, place: Place): Node {
  const [, word = '', more = ''] = /^(\S+)\s*(.*)$/s.exec(line.trim()) ?? []
  return { keyword: word.toUpperCase(), original: line, ...splitFlags(more, escape), heredocs: [], place }
}

/** The instruction's keyword, and that of the instruction an ONBUILD carries. */
function bodyKeywords({ keyword, rest }: Node): string[] {
  return keyword === 'ONBUILD' ? [rest.split(/\s/, 1)[0]!.toUpperCase()] : [keyword]
}

function escapeOf(lines: readonly string[], name: string): string {
  const seen = new Set<string>()
  let escape = '\\'
  for (const [at, line] of lines.entries()) {
    const [, directive, value] = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line) ?? []
    const key = directive?.toLowerCase()
    if (key === undefined || !['escape', 'syntax', 'check'].includes(key)) break
    const place = { line: at + 1, text: line }
    if (seen.has(key)) throw errorAt(`failed to parse ${name}: only one ${key} parser directive can be used`, place)
    seen.add(key)
    if (key !== 'escape') continue
    if (value !== '\\' && value !== '`') {
      const message = `failed to parse ${name}: invalid escape token '${value}' does not match \` or \\`
      throw errorAt(message, place, value)
    }
    escape = value
  }
  return escape
}

/** Reads the lines of one document into the node; gives the line after it. */
function readHeredoc(lines: readonly string[], from: number, opened: Omit<Heredoc, 'content'>, node: Node): number {
  const content: string[] = []
  for (let at = from; at < lines.length; at++) {
    const line = opened.chomp ? lines[at]!.replace(/^\t+/, '') : lines[at]!
    if (line === opened.name) {
      node.heredocs.push({ ...opened, content: content.map((each) => `${each}\n`).join('') })
      return at + 1
    }
    content.push(line)
  }
  throw errorAt(`dockerfile parse error line ${node.place.line}: unterminated heredoc`, node.place, opened.name)
}
