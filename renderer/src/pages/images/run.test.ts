import { describe, expect, it } from 'vitest'
import { createBody } from './run'

const empty = { image: 'busybox', name: '', command: '', ports: [], env: [], volumes: [] }

describe('createBody', () => {
  it('leaves the command to the image when there is none', () => {
    expect(createBody(empty)).toEqual({
      Image: 'busybox',
      Env: [],
      ExposedPorts: {},
      HostConfig: { PortBindings: {}, Binds: [] },
    })
  })
  it('fills in everything that the form has, and passes over empty rows', () => {
    const body = createBody({
      ...empty,
      command: `sh -c 'echo hi'`,
      ports: [
        { host: '8080', container: '80' },
        { host: '', container: '443' },
        { host: '1', container: '' },
      ],
      env: [
        { name: 'A', value: 'b=c' },
        { name: '', value: 'x' },
      ],
      volumes: [
        { source: 'data', target: '/data' },
        { source: '', target: '/x' },
      ],
    })
    expect(body.Cmd).toEqual(['sh', '-c', 'echo hi'])
    expect(body.Env).toEqual(['A=b=c'])
    expect(body.HostConfig.Binds).toEqual(['data:/data'])
    expect(body.HostConfig.PortBindings).toEqual({
      '80/tcp': [{ HostIp: '', HostPort: '8080' }],
      '443/tcp': [{ HostIp: '', HostPort: '' }],
    })
  })
  it('refuses what is not a port', () => {
    expect(() => createBody({ ...empty, ports: [{ host: 'x', container: '80' }] })).toThrow()
  })
})
