import { expect, test } from 'vitest'
import { formatSubnet, parseSubnet } from './addresses'
import { addressProblem, allocate, chooseSubnet, chosenPool, defaultPools, takePool, uniqueLocalPools } from './ipam'
import type { Network, Pool } from './network'

const at = (text: string) => parseSubnet(text)!

function networkOf(...pools: Pool[]): Network {
  return {
    ...{ id: 'n1', name: 'net', created: 0, driver: 'bridge', bridge: 'b', pools, ipv4: true, ipv6: true },
    ...{ internal: false, attachable: false, options: {}, labels: {}, ipamOptions: null },
  }
}

test('the pools are the documented ones', () => {
  const pools = [...defaultPools()].map(formatSubnet)
  expect(pools[0]).toBe('172.17.0.0/16')
  expect(pools).toContain('172.31.0.0/16')
  expect(pools).toContain('192.168.240.0/20')
  expect(pools).toHaveLength(31)
})

test('a pool that overlaps one that is taken is passed over, and refused when it was asked for', () => {
  const taken = [at('172.16.0.0/14'), at('172.20.5.0/24')]
  expect(formatSubnet(chooseSubnet(defaultPools(), taken))).toBe('172.21.0.0/16')
  expect(() => chooseSubnet(defaultPools(), [at('0.0.0.0/0')])).toThrow('fully subnetted')
  expect(() => takePool({ subnet: at('172.20.0.0/16'), aux: {} }, taken)).toThrow('Pool overlaps')
})

test('IPv6 pools are unique local ones of the seed', () => {
  const [first, second] = uniqueLocalPools(0x0123456789n)
  expect(formatSubnet(first!)).toBe('fd01:2345:6789::/64')
  expect(formatSubnet(second!)).toBe('fd01:2345:6789:1::/64')
  expect(chosenPool(first!).gateway).toBe('fd01:2345:6789::1')
})

test('free addresses leave out the net, the broadcast, the gateway, the auxiliary and the taken ones', () => {
  const pool = takePool({ subnet: at('10.0.0.0/29'), aux: { router: '10.0.0.2' } }, [])
  expect(pool).toEqual({ subnet: '10.0.0.0/29', gateway: '10.0.0.1', aux: { router: '10.0.0.2' } })
  const network = networkOf(pool)
  const taken = new Set<string>()
  for (const expected of ['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']) {
    expect(allocate(network, 4, taken)).toBe(expected)
    taken.add(expected)
  }
  expect(() => allocate(network, 4, taken)).toThrow(
    "no available IPv4 addresses on this network's address pools: net (n1)",
  )
})

test('with a range addresses come out of it, the gateway too', () => {
  const pool = takePool({ subnet: at('10.99.0.0/16'), range: at('10.99.5.0/24'), aux: {} }, [])
  expect(pool.gateway).toBe('10.99.5.0')
  expect(allocate(networkOf(pool), 4, new Set())).toBe('10.99.5.1')
  expect(allocate(networkOf(pool), 4, new Set(), '10.99.77.1')).toBe('10.99.77.1')
})

test('a wanted address is given once, in its canonical form', () => {
  const network = networkOf(chosenPool(at('10.0.0.0/24')), chosenPool(at('fd00::/64')))
  expect(allocate(network, 6, new Set(), 'FD00::0:5')).toBe('fd00::5')
  expect(() => allocate(network, 6, new Set(['fd00::5']), 'fd00:0::5')).toThrow('Address already in use')
  expect(() => allocate(network, 4, new Set(), '10.0.0.1')).toThrow('Address already in use')
  expect(addressProblem(network, 4, '10.0.1.1')).toBe('no configured subnet contains IP address 10.0.1.1')
  expect(addressProblem(network, 4, 'fd00::1')).toBe('invalid IPv4 address: fd00::1')
  expect(addressProblem(network, 6, 'fd00::1')).toBeUndefined()
})
