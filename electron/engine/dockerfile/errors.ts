import { EngineError } from '../errors'

/** Where something stands in a Dockerfile. */
export interface Place {
  /** Counted from 1. */
  line: number
  /** That line as it is written. */
  text: string
}

/** A failure of kind 'invalid' that shows the line, with a caret below `token` or the line's beginning. */
export function errorAt(message: string, { line, text }: Place, token = ''): EngineError {
  const start = text.length - text.trimStart().length
  const found = token === '' ? -1 : text.indexOf(token)
  const column = found < 0 ? start : found
  const carets = '^'.repeat(found < 0 ? 1 : token.length)
  const margin = ' '.repeat(String(line).length)
  return new EngineError(
    'invalid',
    `${message}\n  ${line} | ${text}\n  ${margin} | ${text.slice(0, column).replace(/[^\t]/g, ' ')}${carets}`,
  )
}
