import { describe, expect, it } from 'vitest'
import { markSegments, occurrences } from './search'

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
