import { compileTemplate, goJson } from './template'

/** A column's value of one row: text, or a function of the words after it in a template (`{{.Label "x"}}`). */
export type Row = Record<string, unknown>

const print = (lines: string[]) => process.stdout.write(lines.map((line) => `${line}\n`).join(''))

/** Lines of tab-separated cells in columns as Docker's CLI sets them: three blanks between, ten at least, left-aligned. */
export function alignColumns(rows: string[][]): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.slice(0, -1).forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 10, [...cell].length + 3)))
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - [...cell].length))).join(''),
  )
}

/** A row that stands for the headings: the words of the column's own, or its name in capitals. */
function headings(template: string, headers: Record<string, string>): string {
  const row = new Proxy({} as Row, {
    get: (_, name) =>
      headers[String(name)] ??
      String(name)
        .replace(/([a-z])([A-Z])/g, '$1 $2')
        .toUpperCase(),
  })
  return compileTemplate(template.replace(/\{\{\s*\.Label\s+"([^"]*)"\s*\}\}/g, (_, label: string) => label))(row)
}

/**
 * Prints rows by Docker's `--format` rules: `json`, `table`, `table TEMPLATE` or a template a row.
 * @param columns the template of the standard table, cells set apart by tabs
 */
export function printRows(
  rows: Row[],
  { format = 'table', columns, headers }: { format?: string; columns: string; headers: Record<string, string> },
): void {
  if (format === 'json')
    return void print(
      rows.map((row) => goJson(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))),
    )
  const unescaped = format.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
  if (!unescaped.startsWith('table')) {
    return void print(rows.map(compileTemplate(unescaped)))
  }
  const template = unescaped.slice('table'.length).trimStart() || columns
  const render = compileTemplate(template)
  const lines = [headings(template, headers), ...rows.map(render)]
  print(alignColumns(lines.map((line) => line.split('\t'))))
}

/** Prints one object by `--format`: `json`, a template, or what `human` writes. */
export function printObject(data: unknown, format: string | undefined, human: () => string): void {
  if (!format) process.stdout.write(human())
  else print([format === 'json' ? goJson(data) : compileTemplate(format)(data)])
}
