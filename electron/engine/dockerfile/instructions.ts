import { errorAt } from './errors'
import { readFlags, type Flags } from './flags'
import { parseHealthcheck, type HealthcheckOptions } from './healthcheck'
import { parseMount, type MountOptions } from './mounts'
import { nodeOf, type Node } from './source'
import { heredocOf, jsonWords, rawWords, type Heredoc } from './words'

/** A command line: words of its own in the JSON form, one text for the shell otherwise. */
export interface Command {
  shell: boolean
  words: string[]
}

type Pair = [name: string, value: string]

/** What an instruction says, before variables are replaced. */
export type Body =
  | { kind: 'RUN'; command: Command; mounts: MountOptions[]; network: string }
  | {
      kind: 'COPY' | 'ADD'
      sources: (string | Heredoc)[]
      destination: string
      from: string
      chown: string
      chmod: string
      checksum: string
      keepGitDir: boolean
      parents: boolean
      exclude: string[]
    }
  | { kind: 'ENV' | 'LABEL'; pairs: Pair[] }
  | { kind: 'ARG'; args: [name: string, value: string | undefined][] }
  | { kind: 'CMD' | 'ENTRYPOINT'; command: Command }
  | { kind: 'EXPOSE' | 'VOLUME' | 'SHELL'; words: string[] }
  | { kind: 'USER' | 'WORKDIR' | 'STOPSIGNAL' | 'MAINTAINER'; value: string }
  | { kind: 'ONBUILD'; trigger: string }
  | { kind: 'HEALTHCHECK'; check: HealthcheckOptions }

export type Instruction = Body & { original: string; heredocs: Heredoc[] }

/** `FROM`, which begins a stage. */
export interface From {
  base: string
  platform: string
  /** In lower case, '' for none. */
  name: string
}

/** Fails with dockerd's words for this instruction. */
export type Refuse = (message: string, token?: string) => never

type Parser = (node: Node, flags: Flags, refuse: Refuse, escape: string) => Body

const atLeastOne = (node: Node, refuse: Refuse) => {
  if (node.rest === '') refuse(`${node.keyword} requires at least one argument`)
}

const single =
  (kind: 'USER' | 'WORKDIR' | 'STOPSIGNAL' | 'MAINTAINER'): Parser =>
  (node, _, refuse) => {
    if (node.rest === '') refuse(`${kind} requires exactly one argument`)
    return { kind, value: node.rest }
  }

const command =
  (kind: 'CMD' | 'ENTRYPOINT'): Parser =>
  (node, _, refuse) => ({ kind, command: commandOf(node, refuse) })

const pairs =
  (kind: 'ENV' | 'LABEL'): Parser =>
  (node, _, refuse, escape) => {
    atLeastOne(node, refuse)
    return { kind, pairs: pairsOf(node, refuse, escape) }
  }

const list =
  (kind: 'EXPOSE' | 'VOLUME'): Parser =>
  (node, _, refuse) => {
    const json = kind === 'VOLUME' ? jsonOf(node, refuse) : undefined
    const words = json ?? node.rest.split(/\s+/).filter(Boolean)
    if (words.length === 0) refuse(`${kind} requires at least one argument`)
    if (words.some((word) => word.trim() === '')) refuse(`${kind} specified can not be an empty string`)
    return { kind, words }
  }

const copy =
  (kind: 'COPY' | 'ADD'): Parser =>
  (node, flags, refuse, escape) => {
    const words = jsonOf(node, refuse) ?? node.rest.split(/\s+/).filter(Boolean)
    if (words.length < 2) {
      const few = words.length === 1 ? ', but only one was provided. Destination could not be determined' : ''
      refuse(`${kind} requires at least two arguments${few}`)
    }
    const documents = new Map(rawWords(node.rest, escape).flatMap((word) => (heredocOf(word) ? [[word, true]] : [])))
    const heredocs = [...node.heredocs]
    const sources = words.slice(0, -1).map((word) => (documents.has(word) ? heredocs.shift()! : word))
    const from = flags.one('from') ?? ''
    if (from && sources.some((source) => typeof source !== 'string')) refuse(`${kind} --from takes no heredoc`)
    return {
      kind,
      sources,
      destination: words.at(-1)!,
      from,
      chown: flags.one('chown') ?? '',
      chmod: flags.one('chmod') ?? '',
      checksum: flags.one('checksum') ?? '',
      keepGitDir: flags.boolean('keep-git-dir'),
      parents: flags.boolean('parents'),
      exclude: flags.all('exclude'),
    }
  }

/** Each instruction with the flags that it takes. */
const parsers: Record<string, readonly [flags: readonly string[], Parser]> = {
  RUN: [
    ['mount', 'network', 'security'],
    (node, flags, refuse) => {
      if (flags.one('security') === 'insecure') refuse('security.insecure is not allowed')
      const network = flags.one('network') ?? 'default'
      if (!['default', 'none', 'host'].includes(network)) refuse(`network ${network} unknown`, network)
      const mounts = flags.all('mount').map((text) => parseMount(text, refuse))
      return { kind: 'RUN', command: commandOf(node, refuse), mounts, network }
    },
  ],
  COPY: [['from', 'chown', 'chmod', 'link', 'parents', 'exclude'], copy('COPY')],
  ADD: [['chown', 'chmod', 'link', 'checksum', 'keep-git-dir', 'exclude', 'unpack'], copy('ADD')],
  ENV: [[], pairs('ENV')],
  LABEL: [[], pairs('LABEL')],
  CMD: [[], command('CMD')],
  ENTRYPOINT: [[], command('ENTRYPOINT')],
  EXPOSE: [[], list('EXPOSE')],
  VOLUME: [[], list('VOLUME')],
  USER: [[], single('USER')],
  WORKDIR: [[], single('WORKDIR')],
  STOPSIGNAL: [[], single('STOPSIGNAL')],
  MAINTAINER: [[], single('MAINTAINER')],
  SHELL: [
    [],
    (node, _, refuse) => {
      atLeastOne(node, refuse)
      const words = jsonOf(node, refuse)
      if (!words) return refuse('SHELL requires the arguments to be in JSON form')
      if (words.length === 0) refuse('SHELL requires at least one argument')
      return { kind: 'SHELL', words }
    },
  ],
  ARG: [
    [],
    (node, _, refuse, escape) => {
      atLeastOne(node, refuse)
      const args = rawWords(node.rest, escape).map((word): [string, string | undefined] => {
        const at = word.indexOf('=')
        const name = at < 0 ? word : word.slice(0, at)
        if (name === '') refuse('ARG names can not be blank')
        return [name, at < 0 ? undefined : word.slice(at + 1)]
      })
      return { kind: 'ARG', args }
    },
  ],
  ONBUILD: [
    [],
    (node, _, refuse) => {
      atLeastOne(node, refuse)
      const trigger = node.rest.split(/\s/, 1)[0]!.toUpperCase()
      if (trigger === 'ONBUILD') refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
      if (trigger === 'MAINTAINER' || trigger === 'FROM') refuse(`${trigger} isn't allowed as an ONBUILD trigger`)
      const documents = node.heredocs.map(({ content, name }) => `\n${content}${name}`).join('')
      return { kind: 'ONBUILD', trigger: node.original.replace(/^\s*ONBUILD\s*/i, '') + documents }
    },
  ],
  HEALTHCHECK: [
    ['interval', 'timeout', 'start-period', 'start-interval', 'retries'],
    (node, flags, refuse) => ({ kind: 'HEALTHCHECK', check: parseHealthcheck(node, flags, refuse) }),
  ],
}

/** Reads one instruction other than FROM. Throws kind 'invalid': `dockerfile parse error line N: …` and the line. */
export function parseInstruction(node: Node, escape: string): Instruction {
  const refuse = refusing(node)
  const known = parsers[node.keyword]
  if (!known) return refuse(`unknown instruction: ${node.keyword}`, node.place.text.trim().split(/\s/, 1)[0])
  const [allowed, parse] = known
  const { original, heredocs } = node
  return { ...parse(node, readFlags(node.flags, allowed, refuse), refuse, escape), original, heredocs }
}

/** Reads one instruction that stands alone: a change of commit or import, or an ONBUILD trigger of an image. */
export function parseLine(line: string): Instruction {
  const [first = '', ...more] = line.split('\n')
  const node = nodeOf(first.trim(), '\\', { line: 1, text: first })
  const opened = rawWords(node.rest, '\\').map(heredocOf)
  for (const heredoc of opened) {
    const end = heredoc ? more.indexOf(heredoc.name) : -1
    if (!heredoc || end < 0) continue
    const content = more.splice(0, end + 1).slice(0, -1)
    node.heredocs.push({ ...heredoc, content: content.map((each) => `${each}\n`).join('') })
  }
  return parseInstruction(node, '\\')
}

const stageName = /^[a-z][a-z0-9-_.]*$/

/** Reads a FROM. */
export function parseFrom(node: Node): From {
  const refuse = refusing(node)
  const flags = readFlags(node.flags, ['platform'], refuse)
  const words = node.rest.split(/\s+/).filter(Boolean)
  const [base = '', as = '', name = ''] = words
  if (words.length !== 1 && !(words.length === 3 && as.toLowerCase() === 'as')) {
    refuse('FROM requires either one or three arguments')
  }
  if (name && !stageName.test(name.toLowerCase())) {
    refuse(`invalid name for build stage: "${name}", name can't start with a number or contain symbols`, name)
  }
  return { base, platform: flags.one('platform') ?? '', name: name.toLowerCase() }
}

function refusing({ place }: Node): Refuse {
  return (message, token) => {
    throw errorAt(`dockerfile parse error line ${place.line}: ${message}`, place, token)
  }
}

function jsonOf({ rest }: Node, refuse: Refuse): string[] | undefined {
  const words = jsonWords(rest)
  if (words === 'mixed') return refuse('when using JSON array syntax, arrays must be comprised of strings only', rest)
  return words
}

function commandOf(node: Node, refuse: Refuse): Command {
  const words = jsonOf(node, refuse)
  return words ? { shell: false, words } : { shell: true, words: node.rest === '' ? [] : [node.rest] }
}

/** `KEY=VALUE …`, or the old form `KEY VALUE with spaces`. */
function pairsOf({ keyword, rest }: Node, refuse: Refuse, escape: string): Pair[] {
  const words = rawWords(rest, escape)
  if (!words[0]!.includes('=')) {
    const [, name = '', value] = /^(\S+)\s+(.*)$/s.exec(rest) ?? []
    if (value === undefined) return refuse(`${keyword} must have two arguments`, rest)
    return [[name, value]]
  }
  return words.map((word) => {
    const at = word.indexOf('=')
    if (at < 0) refuse(`Syntax error - can't find = in "${word}". Must be of the form: name=value`, word)
    if (at === 0) refuse(`${keyword} names can not be blank`, word)
    return [word.slice(0, at), word.slice(at + 1)]
  })
}
