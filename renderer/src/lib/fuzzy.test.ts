import { expect, test } from 'vitest'
import { score } from './fuzzy'

const best = (query: string, ...texts: string[]) =>
  texts
    .map((text) => [text, score(text, query)] as const)
    .filter(([, points]) => points !== undefined)
    .sort((a, b) => b[1]! - a[1]!)
    .map(([text]) => text)

test('a whole match, a start, a word, the middle, letters in order', () => {
  expect(best('log', 'my-catalog', 'Logs of web', 'log', 'Show log', 'l-o-g', 'nothing')).toEqual([
    'log',
    'Logs of web',
    'Show log',
    'my-catalog',
    'l-o-g',
  ])
})

test('every word has to be there, in any order', () => {
  expect(best('web stop', 'Stop web', 'Stop db', 'Logs of web')).toEqual(['Stop web'])
  expect(score('anything', '')).toBeCloseTo(0, 1)
})
