import { describe, expect, it } from 'vitest'
import { containerFlags } from './container-flags'
import { describeFlags, parseFlags, UsageError, type FlagTable } from './flags'

const table = {
  all: { kind: 'bool', short: 'a', help: 'All' },
  interactive: { kind: 'bool', short: 'i', help: 'In' },
  proxy: { kind: 'bool', initial: true, help: 'Proxy' },
  name: { kind: 'string', short: 'n', help: 'Name' },
  env: { kind: 'list', short: 'e', value: 'k=v', help: 'Env' },
  last: { kind: 'int', short: 'l', help: 'Last' },
} satisfies FlagTable

describe('parseFlags', () => {
  it('gives false, undefined and empty lists where nothing is said', () => {
    expect(parseFlags(table, ['x'])).toEqual({
      flags: { all: false, interactive: false, proxy: true, name: undefined, env: [], last: undefined },
      args: ['x'],
    })
  })

  it.each([
    [['--name=x'], { name: 'x' }],
    [['--name', 'x'], { name: 'x' }],
    [['-n', 'x'], { name: 'x' }],
    [['-nx'], { name: 'x' }],
    [['-n=x'], { name: 'x' }],
    [['--name='], { name: '' }],
    [['--name', '-x'], { name: '-x' }],
    [['-ai'], { all: true, interactive: true }],
    [['-ainx'], { all: true, interactive: true, name: 'x' }],
    [['-e', 'A=1', '--env=B=2', '-eC'], { env: ['A=1', 'B=2', 'C'] }],
    [['--all=false'], { all: false }],
    [['-a=true'], { all: true }],
    [['--proxy=0'], { proxy: false }],
    [['-l', '-1'], { last: -1 }],
  ])('reads %j', (argv, expected) => {
    expect(parseFlags(table, argv).flags).toMatchObject(expected)
  })

  it('takes options anywhere, unless the rest belongs to the container', () => {
    expect(parseFlags(table, ['x', '-a', 'y']).args).toEqual(['x', 'y'])
    expect(parseFlags(table, ['x', '--', '-a']).args).toEqual(['x', '-a'])
    const { flags, args } = parseFlags(table, ['-a', 'img', 'sh', '-c', '--name', '--'], true)
    expect(flags.all).toBe(true)
    expect(args).toEqual(['img', 'sh', '-c', '--name', '--'])
  })

  it.each([
    [['--nope'], 'unknown flag: --nope'],
    [['-az'], "unknown shorthand flag: 'z' in -az"],
    [['--name'], 'flag needs an argument: --name'],
    [['-an'], "flag needs an argument: 'n' in -an"],
    [['--last', 'x'], 'invalid argument "x" for "--last" flag'],
    [['--all=maybe'], 'invalid argument "maybe" for "--all" flag'],
    [['--constructor'], 'unknown flag: --constructor'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseFlags(table, argv)).toThrow(new UsageError(message))
  })
})

it('describeFlags lists options by name with their values', () => {
  expect(describeFlags(table).split('\n').slice(0, 2)).toEqual([
    '  -a, --all           All',
    '  -e, --env k=v       Env',
  ])
})

it('no two options of run share a short name', () => {
  const shorts = Object.values(containerFlags as FlagTable).flatMap(({ short }) => short ?? [])
  expect(new Set(shorts).size).toBe(shorts.length)
})
