import { expect, it } from 'vitest'
import { Pacing } from './pacing'

it('does not hold up a guest that is not halted', () => {
  expect(new Pacing().next(1000, 1001, 0)).toBe(0)
})

it('sleeps longer only when the guest has had nothing to do for a while', () => {
  const pacing = new Pacing()
  pacing.next(1000, 1005, 3)
  expect(pacing.next(1010, 1010.3, 0.5)).toBe(2)
  expect(pacing.next(1200, 1200.3, 3.5)).toBe(3.5)
  expect(pacing.next(1400, 1400.3, 3.5)).toBe(50)
  expect(pacing.next(1450, 1460, 3.5)).toBe(3.5)
})
