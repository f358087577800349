import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ContentStore, digestOf } from './content'

async function* of(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part)
}

describe('ContentStore', () => {
  let dir: string
  let content: ContentStore
  const digest = digestOf('hello world')

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-content-'))
    content = new ContentStore(dir)
    await content.open()
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('keeps bytes by their digest, which is held before it can be seen', async () => {
    const held = new Set<string>()
    expect(await content.ingest(of('hello ', 'world'), held, { digest, size: 11 })).toEqual({ digest, size: 11 })
    expect([...held]).toEqual([digest])
    expect(await content.list()).toEqual([digest])
    expect((await content.bytes(digest, 11)).toString()).toBe('hello world')
    content.remove(digest)
    expect(await content.size(digest)).toBeUndefined()
  })

  it.each([
    ['another digest', of('hello'), { digest }, `verification failed for digest ${digest}`],
    ['too few bytes', of('hello'), { size: 11 }, 'unexpected EOF: got 5 of 11 bytes'],
    ['too many bytes', of('hello world', '!'), { size: 11 }, 'more than the 11 bytes'],
  ])('keeps nothing of %s', async (_, source, expected, message) => {
    await expect(content.ingest(source, new Set(), expected)).rejects.toThrow(message)
    expect(await content.list()).toEqual([])
    expect(await readdir(join(dir, 'ingest'))).toEqual([])
  })

  it('keeps nothing of a source that fails', async () => {
    async function* broken() {
      yield Buffer.from('hello')
      throw new Error('connection reset')
    }
    await expect(content.ingest(broken(), new Set())).rejects.toThrow('connection reset')
    expect(await readdir(join(dir, 'ingest'))).toEqual([])
  })

  it('does not read a big blob into memory', async () => {
    await content.ingest(of('hello world'), new Set())
    await expect(content.bytes(digest, 10)).rejects.toThrow('more than the 10 it may have')
  })

  it('clears away what a killed engine left half-written', async () => {
    await writeFile(join(dir, 'ingest', 'left'), 'half')
    await new ContentStore(dir).open()
    expect(await readdir(join(dir, 'ingest'))).toEqual([])
  })
})
