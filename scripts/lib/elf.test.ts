import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { busyboxApplets, moduleDependencies, moduleName, neededLibraries } from './elf.mjs'

/** A 32 or 64 bit little-endian ELF file with one loaded segment that holds the dynamic section and its strings. */
function elf(bits: 32 | 64, libraries: string[]) {
  const wide = bits === 64
  const word = wide ? 8 : 4
  const strings = Buffer.from('\0' + libraries.map((name) => name + '\0').join(''))
  const headerSize = wide ? 64 : 52
  const entrySize = wide ? 56 : 32
  const dynamicAt = headerSize + 2 * entrySize
  const tags = [...libraries.map((name) => [1, strings.indexOf(`\0${name}\0`) + 1]), [5, 0], [0, 0]]
  const stringsAt = dynamicAt + tags.length * 2 * word
  const base = 0x1000
  tags[libraries.length]![1] = base + stringsAt
  const file = Buffer.alloc(stringsAt + strings.length)
  const put = (at: number, value: number) =>
    wide ? file.writeBigUInt64LE(BigInt(value), at) : file.writeUInt32LE(value, at)
  file.writeUInt32BE(0x7f454c46, 0)
  file[4] = wide ? 2 : 1
  file[5] = 1
  put(wide ? 32 : 28, headerSize)
  file.writeUInt16LE(entrySize, wide ? 54 : 42)
  file.writeUInt16LE(2, wide ? 56 : 44)
  const segments = [
    { type: 1, offset: 0, length: file.length },
    { type: 2, offset: dynamicAt, length: tags.length * 2 * word },
  ]
  segments.forEach(({ type, offset, length }, index) => {
    const at = headerSize + index * entrySize
    file.writeUInt32LE(type, at)
    put(at + (wide ? 8 : 4), offset)
    put(at + (wide ? 16 : 8), base + offset)
    put(at + (wide ? 32 : 16), length)
  })
  tags.flat().forEach((value, index) => put(dynamicAt + index * word, value!))
  strings.copy(file, stringsAt)
  return file
}

it.each([32, 64] as const)('reads the needed libraries of a %i bit file', (bits) => {
  expect(neededLibraries(elf(bits, ['libcap.so.2', 'libc.so.6']))).toEqual(['libcap.so.2', 'libc.so.6'])
})

it('reads a real program: this Node', () => {
  expect(neededLibraries(readFileSync(process.execPath))).toContain('libc.so.6')
})

it('refuses what is not ELF', () => {
  expect(() => neededLibraries(Buffer.from('#!/bin/sh\n'))).toThrow('not a little-endian ELF file')
})

it("reads a module's dependencies under the kernel's names", () => {
  const module = (depends: string) => Buffer.from(`\x7fELF\0license=GPL\0depends=${depends}\0name=x\0`)
  expect(moduleDependencies(module('llc,nf-tables'))).toEqual(['llc', 'nf_tables'])
  expect(moduleDependencies(module(''))).toEqual([])
  expect(() => moduleDependencies(Buffer.from('text'))).toThrow('not a kernel module')
  expect(moduleName('virtio-net')).toBe('virtio_net')
})

it("reads busybox's table of applets", () => {
  expect(busyboxApplets(Buffer.from('\x7fELF\0[\0[[\0ash\0zcat\0\0rest'))).toEqual(['[', '[[', 'ash', 'zcat'])
  expect(() => busyboxApplets(Buffer.from('\x7fELF'))).toThrow('no table of applets')
})
