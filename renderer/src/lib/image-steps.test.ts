import { describe, expect, it } from 'vitest'
import { commandOf, stepsOf } from './image-steps'

const entry = (CreatedBy: string, Size: number) => ({ CreatedBy, Size, Comment: '', Created: 0, Id: '', Tags: null })

describe('commandOf', () => {
  it('takes off what builders put around a command', () => {
    expect(commandOf('/bin/sh -c #(nop)  CMD ["sh"]')).toBe('CMD ["sh"]')
    expect(commandOf('/bin/sh -c apk add git')).toBe('RUN apk add git')
    expect(commandOf('RUN /bin/sh -c make # buildkit')).toBe('RUN make')
    expect(commandOf('|1 V=2 /bin/sh -c make')).toBe('RUN make')
    expect(commandOf('COPY . /app # buildkit')).toBe('COPY . /app')
  })
})

describe('stepsOf', () => {
  it('puts the oldest first and gives layers to the steps that have a size', () => {
    const steps = stepsOf([entry('CMD x', 0), entry('RUN make', 5), entry('ADD rootfs', 9)], ['a', 'b'])
    expect(steps.map(({ command, layer }) => [command, layer])).toEqual([
      ['ADD rootfs', 'a'],
      ['RUN make', 'b'],
      ['CMD x', undefined],
    ])
  })
  it('gives a layer without bytes to a step that can have made it', () => {
    const steps = stepsOf([entry('WORKDIR /app', 0), entry('ENV A=b', 0), entry('ADD rootfs', 9)], ['a', 'b'])
    expect(steps.map(({ layer }) => layer)).toEqual(['a', undefined, 'b'])
  })
  it('knows no layers where the history does not fit', () => {
    expect(stepsOf([entry('ENV A=b', 0)], ['a', 'b'])[0]!.layer).toBeUndefined()
  })
})
