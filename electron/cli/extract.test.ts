import { mkdtemp, readFile, readlink, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { packTar, type TarEntry } from 'modern-tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { extractTar } from './extract'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-extract-'))
})
afterEach(() => rm(root, { recursive: true }))

const extract = async (entries: TarEntry[], rename = (name: string) => name) =>
  extractTar(Readable.from([await packTar(entries)]), root, rename)
const file = (name: string, text: string, mode = 0o644): TarEntry => ({
  header: { name, size: text.length, mode, type: 'file', mtime: new Date(1e12) },
  body: text,
})

describe('extractTar', () => {
  it('unpacks files, folders and links with their modes and times', async () => {
    await extract([
      { header: { name: 'dir/', size: 0, type: 'directory', mode: 0o555, mtime: new Date(1e12) } },
      file('dir/a', 'hello', 0o4750),
      { header: { name: 'dir/abs', size: 0, type: 'symlink', linkname: '/etc/passwd' } },
      { header: { name: 'dir/hard', size: 0, type: 'link', linkname: 'dir/a' } },
    ])
    expect(await readFile(join(root, 'dir/hard'), 'utf8')).toBe('hello')
    expect((await stat(join(root, 'dir/a'))).mode & 0o7777).toBe(0o4750)
    expect((await stat(join(root, 'dir/a'))).mtimeMs).toBe(1e12)
    expect((await stat(join(root, 'dir'))).mode & 0o7777).toBe(0o555)
    expect((await stat(join(root, 'dir'))).mtimeMs).toBe(1e12)
    expect(await readlink(join(root, 'dir/abs'))).toBe('/etc/passwd')
  })

  it('renames', async () => {
    await extract([file('old', 'x')], (name) => name.replace('old', 'new'))
    expect(await readFile(join(root, 'new'), 'utf8')).toBe('x')
  })

  it('replaces a link of the same name and does not write through it', async () => {
    await symlink('/nowhere/else', join(root, 'a'))
    await extract([file('a', 'mine')])
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('mine')
    expect((await stat(join(root, 'a'))).isFile()).toBe(true)
  })

  it('refuses to climb out or to go through a link', async () => {
    await expect(extract([file('../evil', 'x')])).rejects.toThrow('climbs out')
    await expect(
      extract([{ header: { name: 'out', size: 0, type: 'symlink', linkname: tmpdir() } }, file('out/evil', 'x')]),
    ).rejects.toThrow('through a symbolic link')
    await expect(
      extract([{ header: { name: 'hard', size: 0, type: 'link', linkname: '../../etc/passwd' } }]),
    ).rejects.toThrow('climbs out')
  })
})
