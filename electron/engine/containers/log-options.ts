import { parseBytes } from '../../../shared/units'
import type { Request } from '../../machine/contract'
import { EngineError } from '../errors'
import type { HostConfig } from './config'

type LogRequest = Request<'container.start'>['log']

/** Docker's defaults: json-file grows without bound, local keeps five files of 20 MB. */
const defaults: Record<string, { maxSize: number; maxFile: number }> = {
  'json-file': { maxSize: -1, maxFile: 1 },
  local: { maxSize: 20 * 1024 * 1024, maxFile: 5 },
  none: { maxSize: -1, maxFile: 1 },
}

/** Reads --log-driver and --log-opt max-size and max-file. Throws 'invalid'. */
export function logOptions({ Type: driver, Config: given }: HostConfig['LogConfig']): LogRequest {
  const { maxSize, maxFile } = defaults[driver]!
  return {
    driver,
    maxSize: given['max-size'] === undefined ? maxSize : sizeOf(given['max-size']),
    maxFile: given['max-file'] === undefined ? maxFile : countOf(given['max-file']),
  }
}

function sizeOf(text: string): number {
  if (text === '-1') return -1
  try {
    return parseBytes(text)
  } catch (error) {
    throw new EngineError('invalid', (error as Error).message)
  }
}

function countOf(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new EngineError('invalid', `max-file must be a number above 0: '${text}'`)
  return Number(text)
}
