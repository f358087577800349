import { expect, test } from 'vitest'
import { Endings } from './endings'

const event = (Action: string, time = 1, exitCode?: string) => ({ Type: 'container', Action, time, Actor: { ID: 'a'.repeat(64), Attributes: { name: 'web', ...(exitCode && { exitCode }) } } }) // prettier-ignore

test('what ends badly by itself is told, once a minute', () => {
  const endings = new Endings()
  expect(endings.take(event('start'))).toBeUndefined()
  expect(endings.take(event('die', 10, '3'))).toMatchObject({ title: 'web has ended', text: 'Its exit code is 3.' })
  expect(endings.take(event('die', 20, '3'))).toBeUndefined()
  expect(endings.take(event('die', 80, '3'))).toBeDefined()
})

test('what went well, or was asked for, is no news; memory is named', () => {
  const endings = new Endings()
  expect(endings.take(event('die', 1, '0'))).toBeUndefined()
  endings.take(event('kill'))
  expect(endings.take(event('die', 2, '137'))).toBeUndefined()
  endings.take(event('oom'))
  expect(endings.take(event('die', 3, '137'))?.text).toBe('It ran out of memory.')
})
