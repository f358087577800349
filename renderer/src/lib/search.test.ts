import { describe, expect, it } from 'vitest'
import { markSegments, matcherOf, occurrences } from './search'

describe('markSegments', () => {
  it('marks each match, also across colours', () => {
    const segments = [
      { text: 'ab ERR', style: { color: 'red' } },
      { text: 'or err', style: {} },
    ]
    const marked = markSegments(segments, occurrences('ab ERRor err', 'error'))
    expect(marked.map(({ text, marked }) => [text, marked])).toEqual([
      ['ab ', false],
      ['ERR', true],
      ['or', true],
      [' err', false],
    ])
  })
  it('marks nothing without a query', () => {
    expect(occurrences('abc', '')).toEqual([])
  })
})

it('a regular expression marks its matches; an empty match marks nothing', () => {
  expect(matcherOf('a.c', true)!('xabcxAXC')).toEqual([
    [1, 4],
    [5, 8],
  ])
  expect(matcherOf('x*', true)!('abc')).toEqual([])
  expect(matcherOf('', true)).toBeUndefined()
  expect(() => matcherOf('(', true)).toThrow(SyntaxError)
})
