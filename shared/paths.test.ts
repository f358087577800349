import { describe, expect, it } from 'vitest'
import { defaultDataDir, hostOfDataDir, parseHost } from './paths'

describe('defaultDataDir', () => {
  const home = '/home/ann'
  it.each([
    ['linux', {}, '/home/ann/.local/share/berth'],
    ['linux', { XDG_DATA_HOME: '/data' }, '/data/berth'],
    ['linux', { XDG_DATA_HOME: '' }, '/home/ann/.local/share/berth'],
    ['darwin', {}, '/home/ann/Library/Application Support/Berth'],
    ['win32', { LOCALAPPDATA: 'C:\\Users\\ann\\AppData\\Local' }, 'C:\\Users\\ann\\AppData\\Local\\Berth'],
    ['darwin', { BERTH_DATA_DIR: '/elsewhere' }, '/elsewhere'],
  ])('%s %j', (platform, env, expected) => {
    expect(defaultDataDir({ platform, env, home })).toBe(expected)
  })
})

describe('parseHost', () => {
  it('reads back the defaults', () => {
    expect(parseHost(hostOfDataDir('/d', 'linux'))).toEqual({ socketPath: '/d/berth.sock' })
    expect(parseHost(hostOfDataDir('C:\\d', 'win32'))).toEqual({ socketPath: '\\\\.\\pipe\\berth' })
  })
  it('reads TCP addresses', () => {
    expect(parseHost('tcp://127.0.0.1:2375')).toEqual({ host: '127.0.0.1', port: 2375 })
    expect(parseHost('tcp://[::1]:2375')).toEqual({ host: '::1', port: 2375 })
  })
  it.each(['', 'unix://', 'http://x', '/var/run/docker.sock'])('refuses %j', (host) => {
    expect(() => parseHost(host)).toThrow('unable to parse docker host')
  })
})
