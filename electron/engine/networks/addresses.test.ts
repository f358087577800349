import { expect, test } from 'vitest'
import {
  contains,
  formatAddress,
  formatSubnet,
  lastOf,
  macOf,
  overlaps,
  parseAddress,
  parseSubnet,
  reverseName,
} from './addresses'

const at = (text: string) => parseSubnet(text)!

test.each([
  ['172.17.0.0/16', '172.17.0.0/16'],
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['255.255.255.255/32', '255.255.255.255/32'],
  ['fd00:1:2:3:4:5:6:7/64', 'fd00:1:2:3::/64'],
  ['::/0', '::/0'],
])('%s is %s', (text, subnet) => {
  expect(formatSubnet(at(text))).toBe(subnet)
})

test.each([
  '',
  '1.2.3.4',
  '1.2.3/8',
  '256.0.0.1/8',
  '1.2.3.4/33',
  'a.b.c.d/8',
  '01.2.3.4/8',
  'fe80::1::/64',
  'fd00::/129',
])('%j is no subnet', (text) => {
  expect(parseSubnet(text)).toBeUndefined()
})

test.each([
  ['::', '::'],
  ['::1', '::1'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['::ffff:1.2.3.4', '::ffff:102:304'],
  ['fd00:0:0:1::', 'fd00:0:0:1::'],
  ['fd00::0:5', 'fd00::5'],
])('%s is written %s', (text, canonical) => {
  expect(formatAddress(parseAddress(text)!)).toBe(canonical)
})

test('subnets overlap when one holds the other', () => {
  expect(overlaps(at('10.0.0.0/8'), at('10.2.0.0/16'))).toBe(true)
  expect(overlaps(at('10.2.0.0/16'), at('10.3.0.0/16'))).toBe(false)
  expect(overlaps(at('0.0.0.0/0'), at('::/0'))).toBe(false)
  expect(contains(at('10.2.0.0/16'), parseAddress('10.2.255.1')!)).toBe(true)
  expect(contains(at('10.2.0.0/16'), parseAddress('10.3.0.1')!)).toBe(false)
  expect(contains(at('fd00::/64'), parseAddress('fd00::ffff')!)).toBe(true)
  expect(lastOf(at('10.2.0.0/30'))).toBe(parseAddress('10.2.0.3')!.value)
})

test('reverse names and MACs', () => {
  expect(reverseName(parseAddress('172.17.0.2')!)).toBe('2.0.17.172.in-addr.arpa')
  expect(reverseName(parseAddress('fd00::1')!)).toBe(`1.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`)
  expect(macOf(parseAddress('172.17.0.2')!)).toBe('02:42:ac:11:00:02')
})
