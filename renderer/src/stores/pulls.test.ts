import { describe, expect, it } from 'vitest'
import { applyMessage, progressOf, type Pull, withTag } from './pulls'

const fresh = (): Pull => ({ id: 1, reference: 'x:latest', status: '', layers: new Map(), phase: 'running' })
const layer = '0123456789ab'

describe('a pull', () => {
  it('measures progress by what was downloaded', () => {
    const pull = fresh()
    applyMessage(pull, { status: 'Pulling from library/x', id: 'latest' })
    expect(progressOf(pull)).toBeNull()
    applyMessage(pull, { id: layer, status: 'Downloading', progressDetail: { current: 25, total: 100 } })
    expect(progressOf(pull)).toBe(0.25)
    applyMessage(pull, { id: layer, status: 'Download complete', progressDetail: {} })
    applyMessage(pull, { id: layer, status: 'Extracting', progressDetail: { current: 10, total: 100 } })
    expect(progressOf(pull)).toBe(1)
    applyMessage(pull, { id: layer, status: 'Pull complete', progressDetail: {} })
    expect(pull.layers.get(layer)!.done).toBe(true)
  })
  it('fails with the message that comes inside the stream', () => {
    const pull = fresh()
    applyMessage(pull, { error: 'manifest unknown' })
    expect(pull).toMatchObject({ phase: 'failed', error: 'manifest unknown' })
  })
})

describe('withTag', () => {
  it.each([
    ['nginx', 'nginx:latest'],
    ['nginx:1', 'nginx:1'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    ['localhost:5000/a:b', 'localhost:5000/a:b'],
    ['a@sha256:00', 'a@sha256:00'],
  ])('%s', (reference, full) => {
    expect(withTag(reference)).toBe(full)
  })
})
