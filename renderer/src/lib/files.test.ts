import { describe, expect, it } from 'vitest'
import { childPath, contentKind, parseListing } from './files'

describe('parseListing', () => {
  it('puts folders first and reads kinds, sizes and times', () => {
    const text = '//81a4/12/1700000000/v/b.txt\n//41ed/4096/1700000001/v/sub\n//a1ff/3/1700000002/v/a\n'
    expect(parseListing(text)).toEqual([
      { name: 'sub', kind: 'folder', size: 4096, modified: 1700000001000, mode: 0o755 },
      { name: 'a', kind: 'link', size: 3, modified: 1700000002000, mode: 0o777 },
      { name: 'b.txt', kind: 'file', size: 12, modified: 1700000000000, mode: 0o644 },
    ])
  })
  it('keeps a line break in a name', () => {
    expect(parseListing('//81a4/0/0/v/one\ntwo\n')[0]!.name).toBe('one\ntwo')
  })
  it('has nothing to say about an empty folder', () => expect(parseListing('')).toEqual([]))
})

describe('contentKind', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  it('knows text from what is none', () => {
    expect(contentKind('a.conf', bytes('größe = 1\n'))).toBe('text')
    expect(contentKind('a', bytes('a\0b'))).toBe('binary')
    expect(contentKind('a', new Uint8Array([0xff, 0xfe, 1]))).toBe('binary')
    expect(contentKind('a.PNG', new Uint8Array([0x89]))).toBe('image')
  })
})

it('joins paths', () => {
  expect(childPath('/', 'a')).toBe('/a')
  expect(childPath('/a', 'b')).toBe('/a/b')
})
