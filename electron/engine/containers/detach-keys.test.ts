import { describe, expect, test } from 'vitest'
import { DetachFilter, parseDetachKeys } from './detach-keys'

test.each([
  ['', [16, 17]],
  ['ctrl-p,ctrl-q', [16, 17]],
  ['a,b', [97, 98]],
  ['ctrl-]', [29]],
  ['ctrl-@,x', [0, 120]],
])('%j', (text, keys) => expect(parseDetachKeys(text)).toEqual(keys))

test.each(['ctrl-', 'ab', 'ctrl-1', ','])('%j is refused', (text) => {
  expect(() => parseDetachKeys(text)).toThrow('Invalid escape keys')
})

describe('the filter', () => {
  async function typed(...chunks: string[]): Promise<[string, boolean]> {
    let detached = false
    const filter = new DetachFilter([16, 17], () => (detached = true))
    for (const chunk of chunks) filter.write(chunk)
    filter.end()
    let passed = ''
    for await (const chunk of filter) passed += String(chunk)
    return [passed, detached]
  }
  test('passes plain input on', async () => expect(await typed('ls\n')).toEqual(['ls\n', false]))
  test('stops at the keys', async () => expect(await typed('ls\n\x10\x11rest')).toEqual(['ls\n', true]))
  test('sees keys in two chunks', async () => expect(await typed('a\x10', '\x11b')).toEqual(['a', true]))
  test('gives back what was no sequence', async () => expect(await typed('\x10x\x10')).toEqual(['\x10x\x10', false]))
  test('a repeated first key still counts', async () => expect(await typed('\x10\x10\x11')).toEqual(['\x10', true]))
})
