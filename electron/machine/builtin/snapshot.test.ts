import { mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  DamagedSnapshot,
  openSnapshot,
  removeSnapshot,
  saveSnapshot,
  snapshotKey,
  type OpenSnapshot,
  type Snapshot,
} from './snapshot'

let dir: string
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'berth-snapshot-')), 'snapshots')
})
afterEach(() => rm(join(dir, '..'), { recursive: true }))

const page = 4096
/** Ten pages of memory: pages 2 and 3 and the last one are in use, one of them but for its last byte. */
const memory = new Uint8Array(10 * page)
memory.fill(7, 2 * page, 3 * page)
memory[4 * page - 1] = 1
memory.fill(9, 9 * page)

const snapshot: Snapshot = {
  state: Uint8Array.from({ length: 100_000 }, (_, index) => index % 251),
  disk: Buffer.from('template'),
  rehearsed: true,
  share: [[0, null]],
  facts: { tsc: 12 },
  code: new Map([[3, () => ({ wasm: Uint8Array.of(1, 2), native: Uint8Array.of(3) })]]),
  memory,
}

function opened(key: string): OpenSnapshot {
  const found = openSnapshot(dir, key)
  if ('reason' in found) throw new Error(found.reason)
  return found
}

/** The snapshot with its memory, in a place that was clear. */
function whole(key: string) {
  const found = opened(key)
  const into = new Uint8Array(found.memoryLength)
  found.readMemory(into)
  return { ...found, memory: into }
}

it('gives back what was kept', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  const { state, disk, rehearsed, share, facts, code, memory: again } = whole('a')
  expect({ state: [...state], disk: String(disk), rehearsed, share, facts }).toEqual({
    state: [...snapshot.state],
    disk: 'template',
    rehearsed: true,
    share: [[0, null]],
    facts: { tsc: 12 },
  })
  expect(again).toEqual(memory)
  const { wasm, native } = code.get(3)!()
  expect([[...wasm], [...native]]).toEqual([[1, 2], [3]])
})

it('keeps no page of zeros', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  const file = await open(join(dir, 'a.snapshot'))
  const { size } = await file.stat()
  await file.close()
  expect(size).toBeGreaterThan(100_000 + 3 * page)
  expect(size).toBeLessThan(100_000 + 4 * page)
})

it('says when there is none', () => {
  expect(openSnapshot(dir, 'a')).toEqual({ reason: 'there is no snapshot yet' })
})

it('never trusts a damaged one', async () => {
  for (const at of [3, 60, 5000, 103_000]) {
    await saveSnapshot(dir, 'a', snapshot)
    const file = await open(join(dir, 'a.snapshot'), 'r+')
    await file.write(Buffer.from('?'), 0, 1, at)
    await file.close()
    expect(() => whole('a')).toThrow(DamagedSnapshot)
  }
})

it('never runs damaged code', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  const file = await open(join(dir, 'a.snapshot'), 'r+')
  await file.write(Buffer.from('?'), 0, 1, (await file.stat()).size - 1)
  await file.close()
  const { code } = whole('a')
  expect(() => code.get(3)!()).toThrow(DamagedSnapshot)
})

it('never trusts one that is cut short', async () => {
  for (const length of [110_000, 99_000, 45, 20, 0]) {
    await saveSnapshot(dir, 'a', snapshot)
    await truncate(join(dir, 'a.snapshot'), length)
    expect(() => whole('a')).toThrow(DamagedSnapshot)
  }
})

it('keeps only the newest, and none that was removed', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  await saveSnapshot(dir, 'b', snapshot)
  expect(await readdir(dir)).toEqual(['b.snapshot'])
  await removeSnapshot(dir, 'b')
  expect(await readdir(dir)).toEqual([])
})

it('has another key for every fact', () => {
  const facts = { guest: 'x', memory: 1 }
  expect(snapshotKey(facts)).toBe(snapshotKey({ ...facts }))
  expect(snapshotKey({ ...facts, memory: 2 })).not.toBe(snapshotKey(facts))
  expect(snapshotKey({ ...facts, guest: 'y' })).not.toBe(snapshotKey(facts))
})
