import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createFrom, Disk } from './disk'

const gibibyte = 1024 ** 3
let path: string
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'berth-disk-')), 'data.img')
})
afterEach(() => rm(join(path, '..'), { recursive: true }))

const open = (size: number) => Disk.open(path, size, (error) => expect.unreachable(error.message))
const get = (disk: Disk, offset: number, length: number) =>
  new Promise<Uint8Array>((resolve) => disk.get(offset, length, resolve))
const set = (disk: Disk, offset: number, data: Uint8Array) =>
  new Promise<void>((resolve) => disk.set(offset, data, resolve))

it('is a sparse file of the size asked for', async () => {
  const disk = await open(64 * gibibyte)
  expect(disk.byteLength).toBe(64 * gibibyte)
  await set(disk, 63 * gibibyte, Buffer.from('far out'))
  await disk.flush()
  const file = await stat(path)
  expect(file.size).toBe(64 * gibibyte)
  expect(file.blocks * 512).toBeLessThan(1024 * 1024)
})

it('keeps what was written, for the next one to open it too', async () => {
  const disk = await open(gibibyte)
  await set(disk, 4096, Buffer.from('one'))
  await set(disk, 4099, Buffer.from('two'))
  expect(Buffer.from(await get(await open(gibibyte), 4096, 8)).toString()).toBe('onetwo\0\0')
})

it('reads zeros where nothing was written', async () => {
  expect(await get(await open(gibibyte), 12345, 3)).toEqual(Uint8Array.of(0, 0, 0))
})

it('grows a smaller file and leaves a larger one as it is', async () => {
  await open(gibibyte)
  expect((await open(2 * gibibyte)).byteLength).toBe(2 * gibibyte)
  expect((await open(gibibyte)).byteLength).toBe(2 * gibibyte)
})

it('tries a write that fails again until it works, and says so once', async () => {
  const troubles: string[] = []
  const disk = await Disk.open(path, gibibyte, (error) => troubles.push(error.message))
  const writes = disk as unknown as { fd: number }
  const { fd } = writes
  writes.fd = 2 ** 30
  const written = set(disk, 0, Buffer.from('late'))
  await expect.poll(() => troubles.length).toBe(1)
  writes.fd = fd
  await written
  expect(Buffer.from(await get(disk, 0, 4)).toString()).toBe('late')
})

it('makes new disks with what was written on another, zeros left out', async () => {
  const model = await open(gibibyte)
  await set(model, 0, Buffer.from('before'))
  model.recordWrites()
  await set(model, 4096 * 5 - 3, Buffer.from('across'))
  await set(model, 4096 * 9, Buffer.alloc(4096))
  const template = await model.template()
  expect(template.length).toBe(2 * 4100)
  const copy = `${path}.copy`
  await createFrom(template, copy, gibibyte)
  const disk = await Disk.open(copy, gibibyte, (error) => expect.unreachable(error.message))
  expect(disk.byteLength).toBe(gibibyte)
  expect(Buffer.from(await get(disk, 4096 * 5 - 4, 8)).toString()).toBe('\0across\0')
  expect(await get(disk, 0, 6)).toEqual(new Uint8Array(6))
})

it('leaves a disk alone that is there', async () => {
  await set(await open(gibibyte), 0, Buffer.from('mine'))
  await createFrom(Buffer.alloc(4100), path, gibibyte)
  expect(Buffer.from(await get(await open(gibibyte), 0, 4)).toString()).toBe('mine')
})
