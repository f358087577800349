import { describe, expect, it } from 'vitest'
import type { BuildRecord } from '../../../shared/builds'
import { applyBuildMessage, endBuild, fail, instructionsOf } from './build-log'

const text = '# a comment\nFROM busybox\n\nRUN echo a \\\n  && echo b\nRUN <<EOF\nfalse\nEOF\nCMD sh\n'
const build = (): BuildRecord => ({ id: 'b', folder: '/x', dockerfile: 'Dockerfile', tag: '', startedAt: 0, phase: 'running', total: 0, steps: [], text }) // prettier-ignore

describe('instructionsOf', () => {
  it('passes over comments, continued lines and here-documents', () => {
    expect(instructionsOf(text).map(({ line }) => line)).toEqual([2, 4, 6, 9])
  })
})

describe('applyBuildMessage', () => {
  it('makes steps with their time, output and cache marks', () => {
    const one = build()
    const tell = (stream: string, now: number) => applyBuildMessage(one, { stream }, now)
    tell('Step 1/4 : FROM busybox', 0)
    tell('\n', 0)
    tell(' ---> 910c61b69dfd\n', 5)
    tell('Step 2/4 : RUN echo a   && echo b', 10)
    tell(' ---> Using cache\n', 12)
    tell('Step 3/4 : RUN <<EOF', 20)
    tell(' ---> Running in 7e6fac63d378\n', 21)
    tell('\u001b[31mhello\u001b[0m\n', 30)
    expect(one.steps.map(({ state, ms, log }) => [state, ms, log])).toEqual([
      ['done', 10, ''],
      ['cached', 10, ''],
      ['running', undefined, 'hello\n'],
    ])
    applyBuildMessage(one, { error: "The command returned a non-zero code: 1" }, 40) // prettier-ignore
    expect(one).toMatchObject({ phase: 'failed', line: 6, ms: 40 })
    expect(one.steps[2]).toMatchObject({ state: 'failed', ms: 20 })
  })
  it('ends well with the image', () => {
    const one = build()
    applyBuildMessage(one, { stream: 'Step 1/1 : FROM busybox' }, 0)
    applyBuildMessage(one, { aux: { ID: 'sha256:a' } }, 1)
    endBuild(one, 2)
    expect(one).toMatchObject({ phase: 'done', image: 'sha256:a', ms: 2 })
  })
  it('finds the line in a parse error', () => {
    const one = build()
    fail(one, 'dockerfile parse error line 4: unknown instruction: RUNN', 1)
    expect(one.line).toBe(4)
  })
})
