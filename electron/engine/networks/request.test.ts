import { expect, test } from 'vitest'
import { formatSubnet } from './addresses'
import { checkNetwork, networkBody } from './request'

const check = (body: object) => checkNetwork(networkBody.parse({ Name: 'n', ...body }))
const config = (...Config: object[]) => ({ IPAM: { Config } })

test('pools are read, those of a family that is off are left out', () => {
  const both = config({ Subnet: '10.1.0.0/16', Gateway: '10.1.0.9' }, { Subnet: 'fd00::/64' })
  expect(check(both).map(({ subnet }) => formatSubnet(subnet))).toEqual(['10.1.0.0/16'])
  expect(check({ ...both, EnableIPv6: true })).toHaveLength(2)
})

test.each([
  [{ Name: 'host' }, 'operation is not permitted on predefined host network '],
  [{ Name: ' ' }, 'invalid name: name is empty'],
  [{ Driver: 'foo' }, 'plugin "foo" not found'],
  [{ Driver: 'macvlan' }, 'macvlan networks are not available'],
  [{ Driver: 'overlay' }, 'This node is not a swarm manager'],
  [{ Driver: 'host' }, 'only one instance of "host" network is allowed'],
  [config({ Subnet: 'x' }), 'invalid network config:\ninvalid subnet x: invalid CIDR block notation'],
  [config({ Subnet: '10.1.2.3/16' }), 'invalid subnet 10.1.2.3/16: it should be 10.1.0.0/16'],
  [config({ Subnet: '10.1.0.0/16', IPRange: '10.0.0.0/8' }), 'CIDR block is bigger than its parent subnet 10.1.0.0/16'],
  [config({ Subnet: '10.1.0.0/16', IPRange: '10.2.1.0/24' }), "parent subnet 10.1.0.0/16 doesn't contain ip-range"],
  [config({ Subnet: '10.1.0.0/16', Gateway: '10.2.0.1' }), 'invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16'],
  [
    config({ Subnet: '10.1.0.0/16', Gateway: 'x', AuxiliaryAddresses: { a: 'fd00::1' } }),
    '* invalid gateway x: invalid address\n* invalid auxiliary address a: parent subnet is an IPv4 block',
  ],
  [config({ Subnet: '10.1.0.0/16' }, { Subnet: '10.1.1.0/24' }), 'Pool overlaps with other one on this address space'],
  [{ Options: { 'com.docker.network.bridge.enable_icc': 'maybe' } }, 'parsing "maybe": invalid syntax'],
  [{ Options: { 'com.docker.network.driver.mtu': 'big' } }, 'failed to parse com.docker.network.driver.mtu value: big'],
])('%j is refused', (body, message) => {
  expect(() => check(body)).toThrow(message)
})
