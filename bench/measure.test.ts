import { expect, it } from 'vitest'
import { interleave, median } from './measure'
import { ratio, table } from './report'

it('median', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

it('interleave takes turns and leaves the first round out', async () => {
  const order: string[] = []
  const samples = await interleave(2, [async () => order.push('a'), async () => order.push('b')])
  expect(order.join('')).toBe('ababab')
  expect(samples.map((list) => list.length)).toEqual([2, 2])
})

it('ratio compares medians', () => {
  expect(ratio([40, 50, 900], [100, 100, 100])).toBe('0.50')
})

it('table shows median, least and greatest', () => {
  const lines = table([{ what: 'x', samples: [10, 30, 20], unit: 'ms', bar: 'at most 25 ms' }]).split('\n')
  expect(lines[1]!.split(/ {2,}/)).toEqual(['x', '20 ms', '10 ms to 30 ms', '3', 'at most 25 ms'])
})
