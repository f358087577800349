import { mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadSnapshot, saveSnapshot, snapshotKey } from './snapshot'

let dir: string
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'berth-snapshot-')), 'snapshots')
})
afterEach(() => rm(join(dir, '..'), { recursive: true }))

const snapshot = {
  state: Uint8Array.from({ length: 100_000 }, (_, index) => index % 251).buffer,
  disk: Buffer.from('template'),
}

it('gives back what was kept', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  expect(await loadSnapshot(dir, 'a')).toEqual(snapshot)
})

it('says when there is none', async () => {
  expect(await loadSnapshot(dir, 'a')).toEqual({ reason: 'there is no snapshot yet' })
})

it('never trusts a damaged one, and removes it', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  const file = await open(join(dir, 'a.snapshot'), 'r+')
  await file.write(Buffer.from('?'), 0, 1, 5000)
  await file.close()
  expect(await loadSnapshot(dir, 'a')).toEqual({ reason: 'the snapshot is damaged' })
  expect(await readdir(dir)).toEqual([])
})

it('never trusts one that is cut short', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  for (const length of [99_000, 45, 20, 0]) {
    await saveSnapshot(dir, 'a', snapshot)
    await truncate(join(dir, 'a.snapshot'), length)
    expect(await loadSnapshot(dir, 'a')).toEqual({ reason: 'the snapshot is damaged' })
  }
})

it('keeps only the newest', async () => {
  await saveSnapshot(dir, 'a', snapshot)
  await saveSnapshot(dir, 'b', snapshot)
  expect(await readdir(dir)).toEqual(['b.snapshot'])
})

it('has another key for every fact', () => {
  const facts = { guest: 'x', memory: 1 }
  expect(snapshotKey(facts)).toBe(snapshotKey({ ...facts }))
  expect(snapshotKey({ ...facts, memory: 2 })).not.toBe(snapshotKey(facts))
  expect(snapshotKey({ ...facts, guest: 'y' })).not.toBe(snapshotKey(facts))
})
