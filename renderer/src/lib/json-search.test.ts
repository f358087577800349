import { expect, test } from 'vitest'
import { pruneJson } from './json-search'

const value = { Name: '/web', State: { Running: true, Pid: 42 }, Env: ['A=1', 'PORT=80'], Empty: {} }

test('keys keep what is below, values keep the way to them, arrays keep their indices', () => {
  expect(pruneJson(value, 'state')).toEqual({ State: { Running: true, Pid: 42 } })
  expect(pruneJson(value, '42')).toEqual({ State: { Pid: 42 } })
  expect(Object.entries((pruneJson(value, 'port') as { Env: string[] }).Env)).toEqual([['1', 'PORT=80']])
  expect(pruneJson(value, 'nothing of the kind')).toBeUndefined()
})
