import { expect, it } from 'vitest'
import { fromPs } from './usage'

it('reads what ps tells on macOS', () => {
  expect(fromPs(' 183264   1:02.50\n')).toEqual({ memory: 183264 * 1024, cpuMs: 62_500 })
  expect(fromPs('12 01:00:01.00')).toEqual({ memory: 12 * 1024, cpuMs: 3_601_000 })
})
