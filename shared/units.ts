const decimal = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

function scaled(size: number, base: number, units: string[], digits: number): string {
  let unit = 0
  while (size >= base && unit < units.length - 1) {
    size /= base
    unit++
  }
  return `${Number(size.toPrecision(digits))}${units[unit]}`
}

/** Bytes as Docker's lists show them: powers of 1000, three significant digits unless told, `1.98MB`. */
export const humanSize = (bytes: number, digits = 3) => scaled(bytes, 1000, decimal, digits)

/** Bytes as `docker stats` and `docker info` show memory: powers of 1024, four significant digits, `23.47GiB`. */
export const humanBytes = (bytes: number) => scaled(bytes, 1024, binary, 4)

/** Reads a size as Docker's flags take it (`512m`, `1.5g`, `64KiB`, plain bytes), powers of 1024. Throws on others. */
export function parseBytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim()) ?? []
  if (number === undefined) throw new Error(`invalid size: '${text}'`)
  return Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf((unit || ' ').toLowerCase()))
}

/** A span of milliseconds in Docker's words: `Less than a second`, `About a minute`, `3 weeks`. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(ms / 60_000)
  const hours = Math.round(ms / 3_600_000)
  const days = Math.floor(hours / 24)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (days < 14) return `${days} days`
  if (days < 60) return `${Math.floor(days / 7)} weeks`
  if (days < 730) return `${Math.floor(days / 30)} months`
  return `${Math.floor(days / 365)} years`
}

const durationUnits: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Reads a Go duration (`1h30m`, `1.5s`, `300ms`) into milliseconds. Throws on anything else. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)]
  if (text === '0') return 0
  if (!parts.length || parts.map((part) => part[0]).join('') !== text)
    throw new Error(`time: invalid duration "${text}"`)
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * durationUnits[unit!]!, 0)
}

/**
 * Reads what `--since` and `--until` take (a Go duration before `now`, an RFC 3339 date, or UNIX seconds) into the
 * API's form: UNIX seconds with up to nine decimals. A date without a zone is taken as local time. Throws on others.
 */
export function parseTimestamp(text: string, now: number): string {
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text
  const [, whole, fraction = '', zone = ''] =
    /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  if (whole) {
    const seconds = Date.parse((whole.includes('T') ? whole : `${whole}T00:00`) + zone) / 1000
    return `${seconds}.${fraction.padEnd(9, '0')}`
  }
  return ((now - parseDuration(text)) / 1000).toFixed(9)
}
