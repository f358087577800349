/**
 * The part of Go's text/template that Docker's `--format` is used with: fields, variables, pipes, parentheses, `if`,
 * `range`, `with`, and the functions json, index, len, join, split, upper, lower, title, slice, truncate, pad, print,
 * printf (%s %d %v %q), println, eq, ne, lt, le, gt, ge, and, or, not.
 */
export type Render = (data: unknown) => string

interface Scope {
  dot: unknown
  variables: ReadonlyMap<string, unknown>
}
type Expression = (scope: Scope) => unknown
type Node = (scope: Scope) => string

const truthy = (value: unknown) =>
  Array.isArray(value)
    ? value.length > 0
    : value !== null && typeof value === 'object'
      ? Object.keys(value).length > 0
      : Boolean(value)

/** A value as Go's `%v` prints it. */
function show(value: unknown): string {
  if (value === undefined) return '<no value>'
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${show(item)}`)
      .join(' ')}]`
  return String(value)
}

/** JSON as a Go template's `json` writes it: &, < and > escaped. */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value ?? null)
  return text.replace(/[&<>\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const at = (value: unknown, key: unknown): unknown =>
  value === null || value === undefined ? undefined : (value as Record<string, unknown>)[key as string]

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- a template's values have no types */
const functions: Record<string, (...args: any[]) => unknown> = {
  json: (value) => goJson(value),
  index: (value, ...keys) => keys.reduce(at, value),
  len: (value) => (value === null || value === undefined ? 0 : (value.length ?? Object.keys(value).length)),
  join: (list, separator) => (list ?? []).map(show).join(separator),
  split: (text, separator) => text.split(separator),
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  title: (text) => text.replace(/(^|\s)\S/g, (c: string) => c.toUpperCase()),
  slice: (value, from, to) => value.slice(from, to),
  truncate: (text, length) => text.slice(0, length),
  pad: (text, left, right) => ' '.repeat(left) + text + ' '.repeat(right),
  print: (...values) => values.map(show).join(''),
  println: (...values) => values.map(show).join(' ') + '\n',
  printf: (format, ...values) =>
    format.replace(/%([sdvq%])/g, (_: string, verb: string) =>
      verb === '%' ? '%' : verb === 'q' ? JSON.stringify(values.shift()) : show(values.shift()),
    ),
  eq: (first, ...others) => others.some((other) => first === other),
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  and: (...values) => values.find((value) => !truthy(value)) ?? values.at(-1),
  or: (...values) => values.find(truthy) ?? values.at(-1),
  not: (value) => !truthy(value),
}

const fail = (message: string): never => {
  throw new Error(`template parsing error: ${message}`)
}

const word = /\s*(:=|"(?:[^"\\]|\\.)*"|`[^`]*`|[()|,=]|-?\d+(?:\.\d+)?|\$?[\w]*(?:\.[\w]+)*\.?)/y

function tokenize(action: string): string[] {
  const tokens: string[] = []
  word.lastIndex = 0
  while (word.lastIndex < action.trimEnd().length) {
    const token = word.exec(action)?.[1]
    if (!token) return fail(`unexpected "${action}"`)
    tokens.push(token)
  }
  return tokens
}

/** Reads `a b | c (d e)` up to the end of the tokens or a closing parenthesis. */
function parsePipeline(tokens: string[]): Expression {
  let value: Expression | undefined
  do {
    const operands: Expression[] = []
    const head = tokens[0]
    while (tokens.length && tokens[0] !== '|' && tokens[0] !== ')') operands.push(parseOperand(tokens))
    if (!operands.length) fail('missing value for command')
    value = call(head!, operands, value)
  } while (tokens[0] === '|' && tokens.shift())
  return value
}

function call(head: string, [first, ...rest]: Expression[], piped?: Expression): Expression {
  const args = piped ? [...rest, piped] : rest
  if (/^[a-z]\w*$/i.test(head) && !['true', 'false', 'nil'].includes(head)) {
    const run = functions[head] ?? fail(`function "${head}" not defined`)
    return (scope) => run(...args.map((arg) => arg(scope)))
  }
  return (scope) => {
    const value = first!(scope)
    return typeof value === 'function' ? value(...args.map((arg) => arg(scope))) : value
  }
}

function parseOperand(tokens: string[]): Expression {
  const token = tokens.shift()!
  if (token === '(') {
    const inner = parsePipeline(tokens)
    if (tokens.shift() !== ')') fail('unclosed left paren')
    const path = /^\.\w/.test(tokens[0] ?? '') ? tokens.shift()!.slice(1).split('.') : []
    return (scope) => path.reduce<unknown>(at, inner(scope))
  }
  if (token.startsWith('"')) return () => JSON.parse(token)
  if (token.startsWith('`')) return () => token.slice(1, -1)
  if (/^-?\d/.test(token)) return () => Number(token)
  if (token === 'true' || token === 'false') return () => token === 'true'
  if (token === 'nil') return () => null
  if (token === '.') return (scope) => scope.dot
  const path = token.split('.').slice(1)
  if (token.startsWith('.')) return (scope) => path.reduce(at, scope.dot)
  if (token.startsWith('$')) {
    const name = token.split('.')[0]!
    return (scope) => path.reduce(at, scope.variables.get(name))
  }
  // A function without arguments among the operands of another.
  return /^\w+$/.test(token) ? call(token, [() => undefined]) : fail(`unexpected "${token}"`)
}

type Piece = { text: string } | { action: string }

function split(source: string): Piece[] {
  const pieces: Piece[] = []
  let trim = false
  let from = 0
  for (const match of source.matchAll(/\{\{(- )?(.*?)( -)?\}\}/gs)) {
    const text = source.slice(from, match.index)
    const left = trim ? text.trimStart() : text
    pieces.push({ text: match[1] ? left.trimEnd() : left })
    if (!match[2]!.trim().startsWith('/*')) pieces.push({ action: match[2]! })
    trim = Boolean(match[3])
    from = match.index + match[0].length
  }
  const tail = source.slice(from)
  if (tail.includes('{{')) fail('unclosed action')
  pieces.push({ text: trim ? tail.trimStart() : tail })
  return pieces
}

const sequence =
  (nodes: Node[]): Node =>
  (scope) =>
    nodes.map((node) => node(scope)).join('')

/** Reads nodes up to `{{end}}` or `{{else}}`, and gives the word that ended them. */
function parseBlock(pieces: Piece[], inside: boolean): { body: Node; ending: string[] } {
  const nodes: Node[] = []
  for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
    if ('text' in piece) {
      const { text } = piece
      nodes.push(() => text)
      continue
    }
    const tokens = tokenize(piece.action)
    const keyword = tokens[0] ?? fail('missing value for command')
    if (keyword === 'end' || keyword === 'else') {
      if (!inside) fail(`unexpected {{${keyword}}}`)
      return { body: sequence(nodes), ending: tokens }
    }
    if (keyword === 'if' || keyword === 'range' || keyword === 'with') nodes.push(parseControl(pieces, tokens))
    else {
      const value = parsePipeline(tokens)
      nodes.push((scope) => show(value(scope)))
    }
  }
  return inside ? fail('unexpected EOF') : { body: sequence(nodes), ending: [] }
}

function parseControl(pieces: Piece[], tokens: string[]): Node {
  const keyword = tokens.shift()!
  const assigned = tokens.indexOf(':=')
  const names = assigned < 0 ? [] : tokens.splice(0, assigned + 1).filter((token) => token.startsWith('$'))
  const subject = parsePipeline(tokens)
  const { body, ending } = parseBlock(pieces, true)
  const otherwise: Node =
    ending[0] === 'end'
      ? () => ''
      : ending.length > 1
        ? parseControl(pieces, ending.slice(1))
        : parseBlock(pieces, true).body
  const bind = (scope: Scope, dot: unknown, values: unknown[]): Scope => ({
    dot,
    variables: new Map([...scope.variables, ...names.map((name, i) => [name, values[i]] as const)]),
  })
  return (scope) => {
    const value = subject(scope)
    if (!truthy(value)) return otherwise(scope)
    if (keyword === 'if') return body(bind(scope, scope.dot, [value]))
    if (keyword === 'with') return body(bind(scope, value, [value]))
    const entries = Array.isArray(value)
      ? value.map((item, i) => [i, item] as const)
      : Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1))
    return entries.map(([key, item]) => body(bind(scope, item, names.length > 1 ? [key, item] : [item]))).join('')
  }
}

/** Compiles a template. Throws an Error with a "template parsing error" message when it is malformed. */
export function compileTemplate(source: string): Render {
  const { body } = parseBlock(split(source), false)
  return (data) => body({ dot: data, variables: new Map([['$', data]]) })
}
