import { parseDuration } from '../../../shared/units'
import { messageOf } from '../errors'
import type { ImageRunConfig } from '../images/oci'
import type { Flags } from './flags'
import type { Refuse } from './instructions'
import type { Node } from './source'
import { jsonWords } from './words'

/** A health check as image configurations have it; times in nanoseconds, undefined for Docker's default. */
export type HealthcheckOptions = NonNullable<ImageRunConfig['Healthcheck']>

/** Reads `HEALTHCHECK [flags] CMD …` and `HEALTHCHECK NONE`. */
export function parseHealthcheck({ rest }: Node, flags: Flags, refuse: Refuse): HealthcheckOptions {
  const [, type = '', command = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? []
  switch (type.toUpperCase()) {
    case '':
      return refuse('HEALTHCHECK requires at least one argument')
    case 'NONE':
      if (command) refuse('HEALTHCHECK NONE takes no arguments')
      return { Test: ['NONE'] }
    case 'CMD':
      break
    default:
      refuse(`Unknown type "${type.toUpperCase()}" in HEALTHCHECK (try CMD)`, type)
  }
  const words = jsonWords(command)
  if (command === '' || words?.length === 0) refuse('Missing command after HEALTHCHECK CMD')
  const time = (flag: string) => durationOf(flags.one(flag), flag, refuse) || undefined
  const retries = flags.one('retries') ?? '0'
  if (!/^[+-]?\d+$/.test(retries)) refuse(`strconv.ParseInt: parsing "${retries}": invalid syntax`, retries)
  if (Number(retries) < 0) refuse(`--retries cannot be negative (${retries})`, retries)
  return {
    Test: Array.isArray(words) ? ['CMD', ...words] : ['CMD-SHELL', command],
    Interval: time('interval'),
    Timeout: time('timeout'),
    StartPeriod: time('start-period'),
    StartInterval: time('start-interval'),
    Retries: Number(retries) || undefined,
  }
}

function durationOf(text: string | undefined, flag: string, refuse: Refuse): number {
  if (!text) return 0
  let milliseconds
  try {
    milliseconds = parseDuration(text)
  } catch (error) {
    const unitless = /^[+-]?[\d.]+$/.test(text)
    return refuse(unitless ? `time: missing unit in duration "${text}"` : messageOf(error), text)
  }
  if (milliseconds !== 0 && milliseconds < 1) refuse(`Interval "${flag}" cannot be less than 1ms`, text)
  return Math.round(milliseconds * 1e6)
}
