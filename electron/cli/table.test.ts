import { expect, it } from 'vitest'
import { alignColumns } from './table'

it('sets columns as Docker does: three blanks apart, ten wide at least, the last one free', () => {
  expect(
    alignColumns([
      ['ID', 'CONTAINER NAME', 'PORTS', 'X'],
      ['0123456789ab', 'web', '', 'long last cell'],
    ]),
  ).toEqual(['ID             CONTAINER NAME   PORTS     X', '0123456789ab   web                        long last cell'])
})

it('counts characters and not bytes', () => {
  expect(
    alignColumns([
      ['"sh echo…"', 'x'],
      ['"sh"', 'y'],
    ]),
  ).toEqual(['"sh echo…"   x', '"sh"         y'])
})
