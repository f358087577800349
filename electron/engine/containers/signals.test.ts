import { expect, test } from 'vitest'
import { parseSignal } from './signals'

test.each([
  ['9', 9],
  ['KILL', 9],
  ['SIGKILL', 9],
  ['sigterm', 15],
  ['USR2', 12],
  ['CHLD', 17],
  ['SYS', 31],
  ['IOT', 6],
  ['RTMIN', 34],
  ['SIGRTMIN+1', 35],
  ['RTMAX-1', 63],
  ['64', 64],
])('%s is %i', (text, number) => {
  expect(parseSignal(text)).toBe(number)
})

test.each(['0', '65', 'NOSUCH', '', '-9', 'RTMAX+1'])('%j is no signal', (text) => {
  expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`)
})
