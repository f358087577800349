import { describe, expect, it } from 'vitest'
import { humanBytes, humanDuration, humanSize, parseBytes, parseDuration, parseTimestamp } from './units'

const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000] as const

it.each([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [13_256, '13.3kB'],
  [1_983_000, '1.98MB'],
  [376_000_000, '376MB'],
  [1.5e12, '1.5TB'],
])('humanSize %d', (bytes, text) => expect(humanSize(bytes)).toBe(text))

it.each([
  [1023, '1023B'],
  [536870912, '512MiB'],
  [25_200_000_000, '23.47GiB'],
])('humanBytes %d', (bytes, text) => expect(humanBytes(bytes)).toBe(text))

it.each([
  ['64', 64],
  ['64b', 64],
  ['512m', 536870912],
  ['1.5g', 1610612736],
  ['64KiB', 65536],
  ['2 GB', 2147483648],
])('parseBytes %s', (text, bytes) => expect(parseBytes(text)).toBe(bytes))

it.each(['', 'm', '-1', '1x', '1,5g'])('parseBytes refuses %j', (text) => {
  expect(() => parseBytes(text)).toThrow('invalid size')
})

it.each([
  [0, 'Less than a second'],
  [second, '1 second'],
  [59 * second, '59 seconds'],
  [minute, 'About a minute'],
  [59 * minute, '59 minutes'],
  [hour, 'About an hour'],
  [47 * hour, '47 hours'],
  [48 * hour, '2 days'],
  [13 * day, '13 days'],
  [14 * day, '2 weeks'],
  [60 * day, '2 months'],
  [729 * day, '24 months'],
  [730 * day, '2 years'],
])('humanDuration %d', (ms, text) => expect(humanDuration(ms)).toBe(text))

describe('parseDuration', () => {
  it.each([
    ['300ms', 300],
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['0', 0],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['', '5', '1x', '1h 30m', 'h'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow('invalid duration')
  })
})

describe('parseTimestamp', () => {
  const now = Date.parse('2026-01-02T03:04:05.500Z')
  it.each([
    ['1700000000', '1700000000'],
    ['1700000000.123456789', '1700000000.123456789'],
    ['2026-01-02T03:04:05Z', '1767323045.000000000'],
    ['2026-01-02T03:04:05.123456789Z', '1767323045.123456789'],
    ['2026-01-02T05:04:05+02:00', '1767323045.000000000'],
    ['10m', '1767322445.500000000'],
  ])('%s', (text, seconds) => expect(parseTimestamp(text, now)).toBe(seconds))

  it('refuses other words', () => expect(() => parseTimestamp('yesterday', now)).toThrow('invalid duration'))
})
