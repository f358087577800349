import { expect, test } from 'vitest'
import { arranged, gatewayPlace, type Attachment } from './attachment'

const place = (name: string, own: Partial<Attachment> = {}) =>
  ({
    name,
    gateway: `gw-${name}`,
    gateway6: '',
    priority: 0,
    guest: { name: 'eth0', gateways: [] },
    ...own,
  }) as unknown as Attachment

test('interfaces are numbered, and the default route is that of the first network by name', () => {
  const two = arranged([place('b'), place('a')])
  expect(two.map(({ guest }) => [guest.name, guest.gateways])).toEqual([
    ['eth0', []],
    ['eth1', ['gw-a']],
  ])
  const afterLeaving = arranged([two[1]!, place('c')])
  expect(afterLeaving.map(({ guest }) => guest.name)).toEqual(['eth1', 'eth0'])
})

test('priority comes before names, and a place without a gateway never counts', () => {
  const inner = place('a', { gateway: '', priority: 9 })
  expect(gatewayPlace([inner, place('b'), place('c', { priority: 1 })])?.name).toBe('c')
  expect(gatewayPlace([inner])).toBeUndefined()
})

test('each family has its own default route', () => {
  const [one, two] = arranged([place('a'), place('b', { gateway: '', gateway6: 'fd00::1' })])
  expect([one!.guest.gateways, two!.guest.gateways]).toEqual([['gw-a'], ['fd00::1']])
})
