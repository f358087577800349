import { posix } from 'node:path'
import { parseSignal } from '../containers/signals'
import { EngineError } from '../errors'
import type { ImageRunConfig } from '../images/oci'
import { expandWord, expandWords, type Lookup } from './expand'
import type { HealthcheckOptions } from './healthcheck'
import type { Command, Instruction } from './instructions'

/** A configuration that instructions change one after the other. */
export interface Draft {
  config: ImageRunConfig
  /** Whether this build has said what the command is; an ENTRYPOINT takes an inherited one away. */
  commandSet: boolean
}

/** How variables are replaced. */
export interface Scope {
  lookup: Lookup
  escape: string
}

const defaultShell = ['/bin/sh', '-c']

/** What runs a command in the shell form. */
export const shellOf = (config: ImageRunConfig): string[] => (config.Shell?.length ? config.Shell : defaultShell)

const setOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]))
/** In the order in which dockerd writes maps, so that equal configurations are equal bytes. */
const sorted = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
const invalid = (message: string) => new EngineError('invalid', message)
/** Go's `%q` of a list of strings. */
const quoted = (words: readonly string[]) => `[${words.map((word) => JSON.stringify(word)).join(' ')}]`

/**
 * Applies an instruction that only touches an image's configuration; gives the new draft and how the image's history
 * tells of it. Undefined for the instructions that do more (RUN, COPY, ADD, ARG, MAINTAINER). Throws kind 'invalid' in
 * dockerd's words.
 */
export function configure(
  { config, commandSet }: Draft,
  instruction: Instruction,
  { lookup, escape }: Scope,
): (Draft & { comment: string }) | undefined {
  const word = (text: string) => expandWord(text, lookup, escape)
  const done = (change: ImageRunConfig, comment: string) => ({ config: { ...config, ...change }, commandSet, comment })
  switch (instruction.kind) {
    case 'ENV': {
      const pairs = instruction.pairs.map(([name, value]) => [word(name), word(value)] as const)
      if (pairs.some(([name]) => name === '')) throw invalid('ENV names can not be blank')
      const env = new Map((config.Env ?? []).map((entry) => [nameOf(entry), entry]))
      for (const [name, value] of pairs) env.set(name, `${name}=${value}`)
      return done({ Env: [...env.values()] }, `ENV ${pairs.map((pair) => pair.join('=')).join(' ')}`)
    }
    case 'LABEL': {
      const pairs = instruction.pairs.map(([name, value]) => [word(name), word(value)] as const)
      if (pairs.some(([name]) => name === '')) throw invalid('LABEL names can not be blank')
      const labels = sorted({ ...config.Labels, ...Object.fromEntries(pairs) })
      return done({ Labels: labels }, `LABEL ${pairs.map((pair) => pair.join('=')).join(' ')}`)
    }
    case 'EXPOSE': {
      const specs = instruction.words.flatMap((spec) => expandWords(spec, lookup, escape))
      const ports = sorted({ ...config.ExposedPorts, ...setOf(specs.flatMap(portsOf)) })
      return done({ ExposedPorts: ports }, `EXPOSE ${[...specs].sort().join(' ')}`)
    }
    case 'VOLUME': {
      const paths = instruction.words.map((path) => word(path).trim())
      if (paths.includes('')) throw invalid('VOLUME specified can not be an empty string')
      return done({ Volumes: sorted({ ...config.Volumes, ...setOf(paths) }) }, `VOLUME [${paths.join(' ')}]`)
    }
    case 'USER': {
      const user = word(instruction.value)
      return done({ User: user }, `USER ${user}`)
    }
    case 'WORKDIR': {
      const folder = workdirOf(config, word(instruction.value))
      return done({ WorkingDir: folder }, `WORKDIR ${folder}`)
    }
    case 'STOPSIGNAL': {
      const signal = word(instruction.value)
      try {
        parseSignal(signal)
      } catch {
        throw invalid(`Invalid signal: ${signal}`)
      }
      return done({ StopSignal: signal }, `STOPSIGNAL ${signal}`)
    }
    case 'CMD': {
      const words = argumentsOf(config, instruction.command)
      return { ...done({ Cmd: words }, `CMD ${quoted(words)}`), commandSet: true }
    }
    case 'ENTRYPOINT': {
      const words = argumentsOf(config, instruction.command)
      const command = commandSet ? {} : { Cmd: undefined }
      return done({ Entrypoint: words, ...command }, `ENTRYPOINT ${quoted(words)}`)
    }
    case 'SHELL':
      return done({ Shell: instruction.words }, `SHELL [${instruction.words.join(' ')}]`)
    case 'ONBUILD': {
      const { trigger } = instruction
      return done({ OnBuild: [...(config.OnBuild ?? []), trigger] }, `ONBUILD ${trigger}`)
    }
    case 'HEALTHCHECK':
      return done({ Healthcheck: instruction.check }, `HEALTHCHECK ${toldCheck(instruction.check)}`)
    default:
      return undefined
  }
}

/** The name of an `NAME=value` entry of an environment. */
export const nameOf = (entry: string): string => entry.split('=', 1)[0]!

/** A command line as it is executed: the shell form is handed to the shell. */
export const argumentsOf = (config: ImageRunConfig, { shell, words }: Command): string[] =>
  shell ? [...shellOf(config), ...words] : words

function workdirOf(config: ImageRunConfig, path: string): string {
  if (path === '') throw invalid('cannot normalize nothing')
  const whole = posix.join('/', path.startsWith('/') ? '' : (config.WorkingDir ?? ''), path)
  return whole.replace(/(.)\/$/, '$1')
}

/** `80`, `80/tcp`, `80-90/udp`; an address and a host port before it are passed over. */
function portsOf(spec: string): string[] {
  const [, port = '', protocol = 'tcp'] = /^([^/]*)(?:\/(.*))?$/s.exec(spec) ?? []
  const container = port.split(':').at(-1)!
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(container) ?? []
  if (first === undefined || Number(first) > 65535 || Number(last) > 65535) {
    throw invalid(`Invalid containerPort: ${container}`)
  }
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) throw invalid(`Invalid proto: ${protocol}`)
  if (Number(last) < Number(first)) throw invalid('Invalid range specified for the Port')
  const count = Number(last) - Number(first) + 1
  return Array.from({ length: count }, (_, offset) => `${Number(first) + offset}/${protocol.toLowerCase()}`)
}

/** Go's `%q` of the structure, as dockerd's history has it. */
function toldCheck({ Test, Interval = 0, Timeout = 0, StartPeriod = 0, Retries = 0 }: HealthcheckOptions): string {
  const times = [Interval, Timeout, StartPeriod].map((nanoseconds) => `"${duration(nanoseconds)}"`).join(' ')
  const retries = Retries < 32 ? `\\x${Retries.toString(16).padStart(2, '0')}` : String.fromCodePoint(Retries)
  return `&{${quoted(Test ?? [])} ${times} '${retries}'}`
}

/** A duration as Go writes it: `1h30m0s`, `1.5s`, `300ms`. */
function duration(nanoseconds: number): string {
  const seconds = nanoseconds / 1e9
  if (seconds === 0) return '0s'
  if (seconds < 1) return `${nanoseconds / 1e6}ms`
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return `${hours ? `${hours}h` : ''}${hours || minutes ? `${minutes}m` : ''}${seconds % 60}s`
}
