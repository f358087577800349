import { expect, test } from 'vitest'
import { instant } from './streams'

test.each([
  [null, undefined],
  ['', undefined],
  ['0', undefined],
  ['1767323045', '2026-01-02T03:04:05.000000000Z'],
  ['1767323045.000000001', '2026-01-02T03:04:05.000000001Z'],
  ['1767323045.5', '2026-01-02T03:04:05.500000000Z'],
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
])('%j', (text, expected) => expect(instant(text)).toBe(expected))

test('anything else is refused', () => expect(() => instant('yesterday')).toThrow('yesterday is not a time'))
