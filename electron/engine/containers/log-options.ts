import { parseBytes } from '../../../shared/units'
import type { Request } from '../../machine/contract'
import { EngineError } from '../errors'
import type { Config, HostConfig } from './config'

type LogRequest = Request<'container.start'>['log']
type LogConfig = HostConfig['LogConfig']

const invalid = (message: string) => new EngineError('invalid', message)

/** Docker's defaults: json-file grows without bound, local keeps five files of 20 MB. */
const defaults: Record<string, { maxSize: number; maxFile: number }> = {
  'json-file': { maxSize: -1, maxFile: 1 },
  local: { maxSize: 20 * 1024 * 1024, maxFile: 5 },
  none: { maxSize: -1, maxFile: 1 },
}

/** Names of options by driver; `mode` and `max-buffer-size` are for all. */
const known: Record<string, string[]> = {
  'json-file': ['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag'],
  local: ['max-file', 'max-size', 'compress'],
}

/** Checks --log-driver and --log-opt. Throws 'invalid' in Docker's words. */
export function checkLog({ Type: driver, Config: given }: LogConfig): void {
  if (!(driver in defaults)) {
    throw invalid(`error looking up logging plugin ${driver}: plugin "${driver}" not found`)
  }
  const { mode = '', 'max-buffer-size': buffer, ...rest } = given
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalid(`logger: logging mode not supported: ${mode}`)
  if (buffer !== undefined) {
    if (mode !== 'non-blocking') {
      throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    }
    sizeOf(buffer)
  }
  for (const name of driver === 'none' ? [] : Object.keys(rest)) {
    if (known[driver]!.includes(name)) continue
    throw invalid(
      driver === 'local'
        ? `unknown log opt '${name}' for log driver local`
        : `unknown log opt '${name}' for ${driver} log driver`,
    )
  }
}

/** What the agent keeps of a container's output. Throws 'internal', as dockerd does at the start. */
export function logOptions({ Type: driver, Config: given }: LogConfig): LogRequest {
  const { maxSize, maxFile } = defaults[driver]!
  try {
    const size = given['max-size'] === undefined ? maxSize : sizeOf(given['max-size'])
    const files = given['max-file'] === undefined ? maxFile : countOf(given['max-file'])
    if (driver === 'json-file' && isTrue(given.compress) && (files < 2 || size < 0)) {
      throw invalid('compress cannot be true when max-file is less than 2 or max-size is not set')
    }
    return { driver, maxSize: size, maxFile: files }
  } catch (error) {
    throw new EngineError('internal', `failed to initialize logging driver: ${(error as Error).message}`)
  }
}

/** What `docker logs --details` puts before a line: the labels and variables that the log options name. */
export function logDetails({ Config: given }: LogConfig, { Labels, Env }: Pick<Config, 'Labels' | 'Env'>): string {
  const variables = Object.fromEntries((Env ?? []).map((entry) => entry.split(/=(.*)/s, 2) as [string, string]))
  const picked = {
    ...pick(Labels, given.labels, given['labels-regex']),
    ...pick(variables, given.env, given['env-regex']),
  }
  const escaped = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')
  const pairs = Object.entries(picked).map(([key, value]) => `${escaped(key)}=${escaped(value)}`)
  return pairs.sort().join(',')
}

function pick(from: Record<string, string>, names = '', pattern = ''): Record<string, string> {
  const wanted = names.split(',')
  const regex = pattern === '' ? undefined : new RegExp(pattern)
  return Object.fromEntries(Object.entries(from).filter(([key]) => wanted.includes(key) || regex?.test(key)))
}

function sizeOf(text: string): number {
  if (text === '-1') return -1
  try {
    return parseBytes(text)
  } catch (error) {
    throw invalid((error as Error).message)
  }
}

function countOf(text: string): number {
  if (!/^-?\d+$/.test(text)) throw invalid(`strconv.Atoi: parsing "${text}": invalid syntax`)
  if (Number(text) < 1) throw invalid('max-file cannot be less than 1')
  return Number(text)
}

function isTrue(text: string | undefined): boolean {
  return ['1', 't', 'true'].includes((text ?? '').toLowerCase())
}
