import { expect, test } from 'vitest'
import { checkName, newId, randomName } from './names'

test.each(['web', '/web', 'a1', 'A.b-c_d'])('%s is a name', (name) => {
  expect(checkName(name)).toBe(name.replace('/', ''))
})

test.each(['a', '', '-web', 'we b', 'web/1', 'ü1', '/'])('%j is none', (name) => {
  expect(() => checkName(name)).toThrow(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
})

test('ids are 64 hex digits whose first twelve are no number', () => {
  for (let count = 0; count < 100; count++) expect(newId()).toMatch(/^(?!\d{12})[0-9a-f]{64}$/)
})

test('a random name is a free one, also when the plain ones are taken', () => {
  const name = randomName((taken) => !/\d$/.test(taken))
  expect(name).toMatch(/^[a-z]+_[a-z]+\d+$/)
  expect(checkName(name)).toBe(name)
})
