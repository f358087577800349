import { describe, expect, it } from 'vitest'
import { createBody, emptyForm } from './run'

const empty = emptyForm('busybox')

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
  it('sets limits, the network and what happens at the end', () => {
    const body = createBody({
      ...empty,
      network: 'shop',
      restart: 'always',
      cpus: '1.5',
      memory: '64m',
      readOnly: true,
    })
    expect(body.HostConfig).toMatchObject({
      NetworkMode: 'shop',
      RestartPolicy: { Name: 'always' },
      NanoCpus: 1_500_000_000,
      Memory: 64 * 1024 * 1024,
      ReadonlyRootfs: true,
    })
    expect(() => createBody({ ...empty, cpus: 'many' })).toThrow('Not a number of processors')
  })
  it('refuses what is not a port', () => {
    expect(() => createBody({ ...empty, ports: [{ host: 'x', container: '80' }] })).toThrow()
  })
})
