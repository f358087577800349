import { expect, test } from 'vitest'
import { endingOf } from './exit-words'

const ended = (ExitCode: number, rest = {}) => endingOf({ ExitCode, OOMKilled: false, Error: '', ...rest })

test('what the engine said comes first, then memory, then the code', () => {
  expect(ended(127, { Error: 'exec: "x": not found' })).toMatchObject({ text: 'exec: "x": not found', good: false })
  expect(ended(137, { OOMKilled: true }).title).toBe('Out of memory')
  expect(ended(0).good).toBe(true)
  expect(ended(137)).toMatchObject({ title: 'Ended by SIGKILL', good: false })
  expect(ended(143)).toMatchObject({ title: 'Ended by SIGTERM', good: true })
  expect(ended(127).text).toContain('not found in the image')
  expect(ended(42).title).toBe('It ended with exit code 42')
})
