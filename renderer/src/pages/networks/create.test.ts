import { expect, it } from 'vitest'
import { networkBody } from './create'

const empty = { name: ' shop ', subnet: '', gateway: '', range: '', ipv6: false, subnet6: 'fd00::/64', internal: false, labels: [] } // prettier-ignore

it('leaves to the engine what is empty', () => {
  expect(networkBody(empty)).toEqual({ Name: 'shop', Driver: 'bridge', Internal: false, EnableIPv6: false, Labels: {} })
})

it('has a pool for each address family that was filled in', () => {
  const labels = [{ name: 'a', value: 'b' }, { name: '', value: 'x' }] // prettier-ignore
  const body = networkBody({ ...empty, subnet: '10.9.0.0/24', gateway: '10.9.0.1', ipv6: true, labels })
  expect(body).toMatchObject({
    EnableIPv6: true,
    Labels: { a: 'b' },
    IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }, { Subnet: 'fd00::/64' }] },
  })
})
