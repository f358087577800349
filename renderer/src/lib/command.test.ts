import { describe, expect, it } from 'vitest'
import { splitCommand } from './command'

describe('splitCommand', () => {
  it.each([
    ['', []],
    ['  sleep   10 ', ['sleep', '10']],
    [`sh -c 'echo "hi"; sleep 1'`, ['sh', '-c', 'echo "hi"; sleep 1']],
    [`echo "a \\"b\\" \\n"`, ['echo', 'a "b" \\n']],
    [`a\\ b ''`, ['a b', '']],
    [`--name="x y"z`, ['--name=x yz']],
  ])('%j', (line, args) => {
    expect(splitCommand(line)).toEqual(args)
  })
  it('refuses an open quote', () => {
    expect(() => splitCommand(`echo 'a`)).toThrow("A ' is not closed")
  })
})
