import { describe, expect, it } from 'vitest'
import { defaultDataDir, defaultHost, parseHost } from './paths'

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
    expect(parseHost(defaultHost('linux', '/d'))).toEqual({ socketPath: '/d/berth.sock' })
    expect(parseHost(defaultHost('win32', 'C:\\d'))).toEqual({ socketPath: '\\\\.\\pipe\\berth' })
  })
  it('reads TCP addresses', () => {
    expect(parseHost('tcp://127.0.0.1:2375')).toEqual({ host: '127.0.0.1', port: 2375 })
    expect(parseHost('tcp://[::1]:2375')).toEqual({ host: '::1', port: 2375 })
  })
  it.each(['', 'unix://', 'unix://relative', 'http://x', 'tcp://nohost'])('refuses %j', (host) => {
    expect(() => parseHost(host)).toThrow('Not an address')
  })
})
