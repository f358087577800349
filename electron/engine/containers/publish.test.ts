import { expect, test } from 'vitest'
import { wantedPorts } from './publish'

test('-p with an address, with a range, and without a host port', () => {
  const PortBindings = {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
    '53/udp': [{ HostIp: '', HostPort: '5300-5310' }],
    '81': [{ HostIp: '', HostPort: '' }],
  }
  expect(wantedPorts({ PortBindings, PublishAllPorts: false }, {})).toEqual([
    { hostIp: '', first: 0, last: 0, containerPort: 81, protocol: 'tcp' },
    { hostIp: '127.0.0.1', first: 8080, last: 8080, containerPort: 80, protocol: 'tcp' },
    { hostIp: '', first: 5300, last: 5310, containerPort: 53, protocol: 'udp' },
  ])
})

test('-P publishes what is exposed and not bound otherwise', () => {
  const PortBindings = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }
  const wanted = wantedPorts({ PortBindings, PublishAllPorts: true }, { '80/tcp': {}, '81/udp': {} })
  expect(wanted.map(({ first, containerPort, protocol }) => [first, containerPort, protocol])).toEqual([
    [8080, 80, 'tcp'],
    [0, 81, 'udp'],
  ])
})
