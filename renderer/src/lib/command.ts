/**
 * Takes a command line apart into arguments: spaces separate, single quotes keep all, double quotes keep all but
 * backslash escapes, a backslash keeps the next character. No variables, no globs: nothing expands them here.
 * @throws {Error} when a quote is not closed
 */
export function splitCommand(line: string): string[] {
  const args: string[] = []
  let current: string | undefined
  let quote = ''
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!
    if (quote === "'") {
      if (char === "'") quote = ''
      else current += char
    } else if (char === '\\' && i + 1 < line.length && (!quote || '"\\$`'.includes(line[i + 1]!))) {
      current = (current ?? '') + line[++i]
    } else if (char === quote) quote = ''
    else if (!quote && (char === '"' || char === "'")) {
      quote = char
      current ??= ''
    } else if (!quote && /\s/.test(char)) {
      if (current !== undefined) args.push(current)
      current = undefined
    } else current = (current ?? '') + char
  }
  if (quote) throw new Error(`A ${quote} is not closed`)
  if (current !== undefined) args.push(current)
  return args
}
