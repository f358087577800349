import { expect, it } from 'vitest'
import { cpio } from './cpio.mjs'

const entries = [
  { type: 'folder', path: 'etc' },
  { type: 'file', path: 'etc/odd', mode: 0o640, data: Buffer.from('12345') },
  { type: 'link', path: 'etc/link', target: 'odd' },
  { type: 'device', path: 'console', mode: 0o600, major: 5, minor: 1 },
] as const

/** What the field-by-field definition of "newc" says is in the archive. */
function read(archive: Buffer) {
  const found = []
  for (let at = 0; ;) {
    const field = (index: number) => parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    expect(archive.toString('latin1', at, at + 6)).toBe('070701')
    const [mode, size, major, minor, nameLength] = [field(1), field(6), field(9), field(10), field(11)] as number[]
    const path = archive.toString('latin1', at + 110, at + 110 + nameLength! - 1)
    const start = (at + 110 + nameLength! + 3) & ~3
    if (path === 'TRAILER!!!') return found
    found.push({ path, mode, major, minor, data: archive.toString('latin1', start, start + size!) })
    at = (start + size! + 3) & ~3
  }
}

it('writes folders, files, links and devices as newc', () => {
  expect(read(cpio([...entries]))).toEqual([
    { path: 'etc', mode: 0o040755, major: 0, minor: 0, data: '' },
    { path: 'etc/odd', mode: 0o100640, major: 0, minor: 0, data: '12345' },
    { path: 'etc/link', mode: 0o120777, major: 0, minor: 0, data: 'odd' },
    { path: 'console', mode: 0o020600, major: 5, minor: 1, data: '' },
  ])
})

it('gives the same bytes for the same entries', () => {
  expect(cpio([...entries]).equals(cpio([...entries]))).toBe(true)
})

it('is aligned to four bytes whatever the lengths of names and data are', () => {
  for (const length of [0, 1, 2, 3, 4]) {
    const path = 'x'.repeat(length + 1)
    const archive = cpio([{ type: 'file', path, data: Buffer.from('d'.repeat(length)) }])
    expect(archive.length % 4).toBe(0)
    expect(read(archive)).toMatchObject([{ path, data: 'd'.repeat(length) }])
  }
})
