import { median } from './measure'

/** One line of a table: samples of one thing, in one unit. */
export interface Line {
  what: string
  samples: number[]
  unit: 'ms' | 's' | '%' | 'MiB' | 'MB'
  /** What it is held against, e.g. "at most 1000 ms". */
  bar?: string
}

const digits = { ms: 0, s: 2, '%': 1, MiB: 0, MB: 2 } as const

/** Lines as a table of medians with least and greatest. */
export function table(lines: Line[]): string {
  const rows = lines.map(({ what, samples, unit, bar = '' }) => {
    const show = (value: number) => `${value.toFixed(digits[unit])} ${unit}`
    const span = samples.length > 1 ? `${show(Math.min(...samples))} to ${show(Math.max(...samples))}` : ''
    return [what, show(median(samples)), span, String(samples.length), bar]
  })
  const all = [['what', 'median', 'least to greatest', 'runs', 'bar'], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Ours as a part of the peer's, by their medians. */
export const ratio = (ours: number[], peer: number[]) => (median(ours) / median(peer)).toFixed(2)
