import { median } from './measure'

type Unit = 'ms' | 's' | '%' | 'MiB' | 'MB'
const digits = { ms: 0, s: 2, '%': 1, MiB: 0, MB: 2 } as const
const show = (value: number, unit: Unit) => `${value.toFixed(unit === 'ms' && value < 10 ? 1 : digits[unit])} ${unit}`

/** One line of a table: samples of one thing, in one unit. */
export interface Line {
  what: string
  samples: number[]
  unit: Unit
  /** What it is held against, e.g. "at most 1000 ms". */
  bar?: string
}

/** Lines as a table of medians with least and greatest. */
export function table(lines: Line[]): string {
  const rows = lines.map(({ what, samples, unit, bar = '' }) => {
    const span = samples.length > 1 ? `${show(Math.min(...samples), unit)} to ${show(Math.max(...samples), unit)}` : ''
    return [what, show(median(samples), unit), span, String(samples.length), bar]
  })
  return columns([['what', 'median', 'least to greatest', 'runs', 'bar'], ...rows])
}

/** One thing measured on our engine and, where there is one, on another. */
export interface Compared {
  what: string
  unit: Unit
  /** The greatest part of the peer's median that ours may be. */
  bar: number
  samples: [ours: number[], peer?: number[]]
}

/** Medians side by side, with OVER where ours is over its bar. */
export function comparison(things: Compared[]): string {
  const rows = things.map(({ what, unit, bar, samples: [ours, peer] }) => {
    const cells = [what, show(median(ours), unit)]
    if (!peer) return [...cells, '', '', String(bar), '']
    const ratio = median(ours) / median(peer)
    return [...cells, show(median(peer), unit), ratio.toFixed(2), String(bar), ratio > bar ? 'OVER' : '']
  })
  return columns([['what', 'ours', 'peer', 'ours / peer', 'bar', ''], ...rows])
}

function columns(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n') // prettier-ignore
}
