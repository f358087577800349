import { expect, test } from 'vitest'
import {
  contains,
  defaultPools,
  formatAddress,
  formatSubnet,
  nextFree,
  overlaps,
  parseAddress,
  parseSubnet,
} from './addresses'

test.each([
  ['172.17.0.0/16', '172.17.0.0/16'],
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['255.255.255.255', '255.255.255.255/32'],
])('%s is %s', (text, subnet) => {
  expect(formatSubnet(parseSubnet(text)!)).toBe(subnet)
})

test.each(['', '1.2.3', '256.0.0.1', '1.2.3.4/33', 'a.b.c.d', 'fe80::/10'])('%j is no subnet', (text) => {
  expect(parseSubnet(text)).toBeUndefined()
})

test('subnets overlap when one holds the other', () => {
  const at = (text: string) => parseSubnet(text)!
  expect(overlaps(at('10.0.0.0/8'), at('10.2.0.0/16'))).toBe(true)
  expect(overlaps(at('10.2.0.0/16'), at('10.3.0.0/16'))).toBe(false)
  expect(contains(at('10.2.0.0/16'), parseAddress('10.2.255.1')!)).toBe(true)
  expect(contains(at('10.2.0.0/16'), parseAddress('10.3.0.1')!)).toBe(false)
})

test('the pools are the documented ones', () => {
  const pools = [...defaultPools()].map(formatSubnet)
  expect(pools[0]).toBe('172.17.0.0/16')
  expect(pools).toContain('172.31.0.0/16')
  expect(pools).toContain('192.168.240.0/20')
  expect(pools).toHaveLength(31)
})

test('free addresses leave out the net, the broadcast and the taken ones', () => {
  const subnet = parseSubnet('10.0.0.0/30')!
  const taken = new Set<number>()
  const first = nextFree(subnet, taken)!
  expect(formatAddress(first)).toBe('10.0.0.1')
  taken.add(first)
  const second = nextFree(subnet, taken)!
  expect(formatAddress(second)).toBe('10.0.0.2')
  taken.add(second)
  expect(nextFree(subnet, taken)).toBeUndefined()
})
