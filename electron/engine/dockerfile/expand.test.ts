import { describe, expect, it } from 'vitest'
import { expandText, expandWord, expandWords } from './expand'

const values: Record<string, string> = { x: 'one', empty: '', two: 'a b', path: '/usr/local/lib.so.1' }
const lookup = (name: string) => values[name]
const word = (text: string) => expandWord(text, lookup, '\\')

describe('expandWord', () => {
  it.each([
    ['plain', 'plain'],
    ['$x', 'one'],
    ['${x}y', 'oney'],
    ['$xy', ''],
    ['$nope', ''],
    ['a$', 'a$'],
    ['\\$x', '$x'],
    ['\\\\$x', '\\one'],
    ["'$x'", '$x'],
    ['"$x \'q\'"', "one 'q'"],
    ['"\\$x \\" \\a"', '$x " \\a'],
    ['a\\ b', 'a b'],
    ['${nope:-y}', 'y'],
    ['${nope-y}', 'y'],
    ['${empty:-y}', 'y'],
    ['${empty-y}', ''],
    ['${x:-y}', 'one'],
    ['${x:+y}', 'y'],
    ['${empty:+y}', ''],
    ['${empty+y}', 'y'],
    ['${nope:-${x}2}', 'one2'],
    ['${nope:-"a }"}', 'a }'],
    ['${x:?no}', 'one'],
    ['${path##*/}', 'lib.so.1'],
    ['${path#*/}', 'usr/local/lib.so.1'],
    ['${path%.*}', '/usr/local/lib.so'],
    ['${path%%.*}', '/usr/local/lib'],
    ['${path/lo*al/x}', '/usr/x/lib.so.1'],
    ['${path//./_}', '/usr/local/lib_so_1'],
  ])('%s', (text, expected) => {
    expect(word(text)).toBe(expected)
  })
  it.each([
    ['${x', "missing '}'"],
    ['${}', 'bad substitution'],
    ['${x^y}', 'unsupported modifier (^) in substitution'],
    ['${nope:?must be set}', 'nope: must be set'],
    ["'x", 'looking for matching single-quote'],
    ['"x', 'looking for matching double-quote'],
  ])('refuses %s', (text, message) => {
    expect(() => word(text)).toThrow(message)
  })
  it('takes another escape character', () => {
    expect(expandWord('c:\\$x`$x', lookup, '`')).toBe('c:\\one$x')
  })
})

describe('expandWords', () => {
  it.each([
    ['80 $x "a b"', ['80', 'one', 'a b']],
    ['$two', ['a', 'b']],
    ['x$two', ['xa', 'b']],
    ['$nope', []],
    ['"$two"', ['a b']],
  ])('%s', (text, expected) => {
    expect(expandWords(text, lookup, '\\')).toEqual(expected)
  })
})

it('expandText leaves quotes alone', () => {
  expect(expandText('echo "$x" \'$x\' \\$x \\n', lookup, '\\')).toBe('echo "one" \'one\' $x \\n')
})
