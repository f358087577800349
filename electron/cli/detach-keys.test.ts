import { expect, it } from 'vitest'
import { createDetachWatch, parseDetachKeys } from './detach-keys'

it('reads key sequences', () => {
  expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17])
  expect([...parseDetachKeys('a,ctrl-[,ctrl-@')]).toEqual([97, 27, 0])
  expect(() => parseDetachKeys('ctrl-1')).toThrow('invalid detach keys')
  expect(() => parseDetachKeys('')).toThrow('invalid detach keys')
})

it('passes typed bytes on, holds back the start of the sequence, and tells when it is whole', () => {
  const watch = createDetachWatch(parseDetachKeys('ctrl-p,ctrl-q'))
  const type = (...bytes: number[]) => {
    const passed = watch(Buffer.from(bytes))
    return passed === 'detach' ? passed : [...passed]
  }
  expect(type(97, 98)).toEqual([97, 98])
  expect(type(16)).toEqual([])
  expect(type(99)).toEqual([16, 99])
  expect(type(16, 16)).toEqual([16])
  expect(type(17)).toBe('detach')
})
