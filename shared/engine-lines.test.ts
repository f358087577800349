import { describe, expect, it } from 'vitest'
import { parseEngineLine } from './engine-lines'

describe('parseEngineLine', () => {
  it('reads a stage', () => {
    expect(parseEngineLine('stage {"stage":"kernel","text":"Booting Linux","progress":0.4}')).toEqual({
      type: 'stage',
      report: { stage: 'kernel', text: 'Booting Linux', progress: 0.4 },
    })
  })
  it('reads a failure', () => {
    expect(parseEngineLine('failed {"stage":"disk","message":"No space left","fix":"Free 1 GB"}')).toEqual({
      type: 'failed',
      stage: 'disk',
      message: 'No space left',
      fix: 'Free 1 GB',
    })
  })
  it('reads the ready line', () => {
    expect(parseEngineLine('engine ready unix:///tmp/b.sock machine=builtin in 812 ms')).toEqual({
      type: 'ready',
      host: 'unix:///tmp/b.sock',
      machine: 'builtin',
      ms: 812,
    })
  })
  it.each(['', 'listening', 'stage {"stage":', 'stage kernel'])('passes over %j', (line) => {
    expect(parseEngineLine(line)).toBeUndefined()
  })
})
