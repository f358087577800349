import type { AnsiSegment } from './ansi'

export interface MarkedSegment extends AnsiSegment {
  marked: boolean
}

/** Where something occurs in a text, as [start, end) pairs. */
export type Matcher = (text: string) => [number, number][]

/**
 * What finds a person's search in a text, without regard to case.
 * @throws {SyntaxError} when it is meant as a regular expression and is none
 */
export function matcherOf(query: string, regex: boolean): Matcher | undefined {
  if (!query) return undefined
  if (!regex) return (text) => occurrences(text, query)
  const pattern = new RegExp(query, 'giu')
  return (text) =>
    Array.from(text.matchAll(pattern), ({ index, 0: { length } }): [number, number] => [index, index + length]).filter(
      ([start, end]) => end > start,
    )
}

/** Where `query` occurs in a text, without regard to case, as [start, end) pairs. */
export function occurrences(text: string, query: string): [number, number][] {
  const found: [number, number][] = []
  const haystack = text.toLowerCase()
  const needle = query.toLowerCase()
  for (let at = needle ? haystack.indexOf(needle) : -1; at >= 0; at = haystack.indexOf(needle, at + needle.length))
    found.push([at, at + needle.length])
  return found
}

/** Cuts a line's segments at the bounds of each match, so that a match may span several colours. */
export function markSegments(segments: AnsiSegment[], matches: [number, number][]): MarkedSegment[] {
  const marked: MarkedSegment[] = []
  let offset = 0
  for (const { text, style } of segments) {
    let at = 0
    while (at < text.length) {
      const position = offset + at
      const inside = matches.find(([start, end]) => position >= start && position < end)
      const next = inside ? inside[1] : (matches.find(([start]) => start > position)?.[0] ?? Infinity)
      const end = Math.min(text.length, next - offset)
      marked.push({ text: text.slice(at, end), style, marked: !!inside })
      at = end
    }
    offset += text.length
  }
  return marked
}
