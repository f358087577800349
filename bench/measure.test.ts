import { expect, it } from 'vitest'
import { interleave, median } from './measure'
import { comparison, table } from './report'

it('median', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

it('interleave takes turns and leaves the first round out', async () => {
  const order: string[] = []
  const samples = await interleave(2, [async () => order.push('a'), async () => order.push('b')])
  expect(order.join('')).toBe('ababab')
  expect(samples).toEqual([
    [3, 5],
    [4, 6],
  ])
})

it('table shows median, least and greatest', () => {
  const lines = table([{ what: 'x', samples: [10, 30, 20], unit: 'ms', bar: 'at most 25 ms' }]).split('\n')
  expect(lines[1]!.split(/ {2,}/)).toEqual(['x', '20 ms', '10 ms to 30 ms', '3', 'at most 25 ms'])
})

it('comparison shows the ratio of medians and marks what is over its bar', () => {
  const peer = [100, 100, 100]
  const lines = comparison([
    { what: 'fast', unit: 'ms', bar: 0.4, samples: [[39, 40, 900], peer] },
    { what: 'slow', unit: 'ms', bar: 1, samples: [[101, 101], peer] },
    { what: 'alone', unit: 'ms', bar: 1, samples: [[7]] },
  ]).split('\n')
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ['what', 'ours', 'peer', 'ours / peer', 'bar'],
    ['fast', '40 ms', '100 ms', '0.40', '0.4'],
    ['slow', '101 ms', '100 ms', '1.01', '1', 'OVER'],
    ['alone', '7.0 ms', '1'],
  ])
})
