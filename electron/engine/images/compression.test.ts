import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decompress } from './compression'
import { chunks } from './testing'

const text = Buffer.concat([Buffer.from('berth '.repeat(20_000)), randomBytes(50_000)])

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

async function* bytewise(bytes: Uint8Array) {
  for (const byte of bytes) yield Uint8Array.of(byte)
}

// `printf 'hello zstd\n' | zstd -c | base64`
const zstd = Buffer.from('KLUv/QRYWQAAaGVsbG8genN0ZApsV/lR', 'base64')

describe('decompress', () => {
  it('passes on what is not compressed', async () => {
    expect(await all(decompress(chunks(text)))).toEqual(text)
    expect(await all(decompress(chunks(Buffer.from('ab'))))).toEqual(Buffer.from('ab'))
    expect(await all(decompress(chunks(Buffer.alloc(0))))).toEqual(Buffer.alloc(0))
  })
  it('reads gzip, also of several members and in single bytes', async () => {
    expect(await all(decompress(chunks(gzipSync(text))))).toEqual(text)
    const two = Buffer.concat([gzipSync('one '), gzipSync('two')])
    expect((await all(decompress(bytewise(two)))).toString()).toBe('one two')
  })
  it('reads zstd', async () => {
    expect((await all(decompress(bytewise(zstd)))).toString()).toBe('hello zstd\n')
  })
  it('refuses gzip that is cut short or corrupt', async () => {
    const packed = gzipSync(text)
    await expect(all(decompress(chunks(packed.subarray(0, 40_000))))).rejects.toThrow('gzip: unexpected end of file')
    packed[packed.length - 6]! ^= 1
    await expect(all(decompress(chunks(packed)))).rejects.toThrow('gzip: incorrect data check')
  })
  it('refuses zstd that is cut short', async () => {
    await expect(all(decompress(chunks(zstd.subarray(0, 14))))).rejects.toThrow('zstd: unexpected EOF')
  })
  // 'layer ' two hundred times, as made by the programs themselves.
  it.each([
    [
      'xz',
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ASvABNdADYYS5jpw3aAt90um3nde7tmcwAAABtO2E4mFnZMAAEvsAkAAACgJGBYscRn+wIAAAAABFla',
    ],
    ['bzip2', 'QlpoOTFBWSZTWalnag0AAY+RgEAAIgQQICAAMMAClQyYIsEWiLwi0RaIvi7kinChIVLO1Bo='],
  ])('reads %s where the program is, says so where it is not', async (name, base64) => {
    const bytes = Buffer.from(base64, 'base64')
    const read = (part: Buffer) => all(decompress(chunks(part)))
    const missing = spawnSync(name, ['--version'], { input: '' }).error !== undefined
    if (missing) return expect(read(bytes)).rejects.toThrow(`needs the program ${name}`)
    expect((await read(bytes)).toString()).toBe('layer '.repeat(200))
    await expect(read(bytes.subarray(0, bytes.length - 10))).rejects.toThrow(`${name}: `)
  })
  it('tells the source error, not one of the decoder', async () => {
    async function* broken() {
      yield gzipSync(text).subarray(0, 30_000)
      throw new Error('client went away')
    }
    await expect(all(decompress(broken()))).rejects.toThrow('client went away')
  })
})
