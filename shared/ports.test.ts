import { describe, expect, it } from 'vitest'
import { displayPorts, parsePortSpecs } from './ports'

describe('parsePortSpecs', () => {
  it.each([
    ['80', { '80/tcp': [{ HostIp: '', HostPort: '' }] }],
    ['8080:80', { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }],
    ['127.0.0.1:8080:80/udp', { '80/udp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] }],
    ['127.0.0.1::80', { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] }],
    ['[::1]:8080:80', { '80/tcp': [{ HostIp: '::1', HostPort: '8080' }] }],
    ['8000-8010:80', { '80/tcp': [{ HostIp: '', HostPort: '8000-8010' }] }],
    ['8000-8001:80-81', { '80/tcp': [{ HostIp: '', HostPort: '8000' }], '81/tcp': [{ HostIp: '', HostPort: '8001' }] }],
  ])('%s', (spec, bindings) => {
    expect(parsePortSpecs([spec])).toEqual({
      ExposedPorts: Object.fromEntries(Object.keys(bindings).map((key) => [key, {}])),
      PortBindings: bindings,
    })
  })

  it('gathers several bindings of one port', () => {
    expect(parsePortSpecs(['81:80', '82:80']).PortBindings['80/tcp']).toHaveLength(2)
  })

  it.each(['', 'x', '80:x', '1:2:3:4', '99999', '80/icmp', '90-80', '8000-8001:80-82'])('refuses %j', (spec) => {
    expect(() => parsePortSpecs([spec])).toThrow('invalid')
  })
})

describe('displayPorts', () => {
  const tcp = (PrivatePort: number, PublicPort?: number, IP?: string) => ({ PrivatePort, PublicPort, IP, Type: 'tcp' })
  it.each([
    [[], ''],
    [[tcp(80)], '80/tcp'],
    [[tcp(80, 8080, '0.0.0.0'), tcp(80, 8080, '::')], '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'],
    [[tcp(81, 8081, '0.0.0.0'), tcp(80, 8080, '0.0.0.0')], '0.0.0.0:8080-8081->80-81/tcp'],
    [[tcp(80, 8080, '0.0.0.0'), tcp(81, 9000, '0.0.0.0')], '0.0.0.0:8080->80/tcp, 0.0.0.0:9000->81/tcp'],
    [[tcp(90), tcp(91), tcp(93)], '90-91/tcp, 93/tcp'],
  ])('%j', (ports, text) => expect(displayPorts(ports)).toBe(text))
})
