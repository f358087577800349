import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SavedMemory } from './saved'

const facts = { 'guest image': 'one', 'size of the memory': 512 }
/** Two whole pieces and a bit. */
const memory = randomBytes(9 * 1024 * 1024)
let folder: string
let address: string
let disk: string
let saved: SavedMemory

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-saved-'))
  address = join(folder, 'memory.sock')
  disk = join(folder, 'data.img')
  writeFileSync(disk, 'disk')
  saved = new SavedMemory(folder, disk)
  const written = await saved.take(address, async () => {
    connect(address).end(memory)
  })
  expect(await saved.check(facts)).toBe('none')
  await saved.seal(facts, written)
})

afterEach(() => rmSync(folder, { recursive: true }))

/** What a QEMU that listens there is given. */
async function given(): Promise<string> {
  const server = createServer({ allowHalfOpen: true })
  rmSync(address, { force: true })
  server.listen(address)
  await once(server, 'listening')
  const hash = createHash('sha256')
  const ended = new Promise<void>((resolve) =>
    server.once('connection', (socket) => {
      socket.on('data', (chunk) => hash.update(chunk))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
      socket.on('end', () => socket.end())
    }),
  )
  try {
    await saved.give(address)
    await ended
    return hash.digest('hex')
  } finally {
    server.close()
  }
}

it('gives back what it took', async () => {
  expect(await saved.check(facts)).toBe('ok')
  expect(await given()).toBe(createHash('sha256').update(memory).digest('hex'))
  expect(await saved.bytes()).toBeGreaterThanOrEqual(memory.length)
})

it('refuses another machine, naming what differs', async () => {
  expect(await saved.check({ ...facts, 'guest image': 'two' })).toEqual({
    reason: 'the guest image is another one: one then, two now',
  })
})

it('refuses a disk that was written since', async () => {
  utimesSync(disk, 1, 1)
  expect(await saved.check(facts)).toEqual({ reason: 'the disk was changed since' })
})

it('refuses a file that is cut short', async () => {
  writeFileSync(join(folder, 'memory.bin'), memory.subarray(0, 1000))
  expect(await saved.check(facts)).toEqual({ reason: 'its file is damaged' })
})

it('never hands on a piece with a flipped bit', async () => {
  const bytes = readFileSync(join(folder, 'memory.bin'))
  bytes[5_000_000]! ^= 1
  writeFileSync(join(folder, 'memory.bin'), bytes)
  await expect(given()).rejects.toThrow('its file is damaged')
})

it('is of no use after it was invalidated', async () => {
  await saved.invalidate()
  expect(await saved.check(facts)).toBe('none')
})
