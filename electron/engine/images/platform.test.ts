import { describe, expect, it } from 'vitest'
import { bestFor, canRun, isPlatform, parsePlatform, platformName, type Platform } from './platform'

const named = (text: string): Platform => {
  const [os, architecture, variant] = text.split('/')
  return { os: os!, architecture: architecture!, ...(variant ? { variant } : {}) }
}

describe('parsePlatform', () => {
  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/i386', 'linux/386'],
    ['arm64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/arm/v6', 'linux/arm/v6'],
    ['linux', 'linux/386'],
    ['LINUX/AMD64', 'linux/amd64'],
  ])('%s', (text, expected) => {
    expect(platformName(parsePlatform(text, '386'))).toBe(expected)
  })
  it.each(['foo', 'linux/z80', 'plan9/amd64', 'linux/arm/v7/x', ''])('refuses %j', (text) => {
    expect(() => parsePlatform(text, 'amd64')).toThrow('unknown operating system or architecture')
  })
})

describe('bestFor', () => {
  it.each([
    ['linux/amd64', ['linux/386', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/arm64/v8', 'linux/386'], 'linux/386'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/amd64/v1'], 'linux/amd64/v1'],
    ['linux/386', ['linux/amd64', 'linux/386'], 'linux/386'],
    ['linux/386', ['linux/amd64'], undefined],
    ['linux/arm64', ['linux/arm/v7', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/arm64', ['linux/arm/v5', 'linux/arm/v7'], 'linux/arm/v7'],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 'linux/arm/v5'],
    ['linux/amd64', ['windows/amd64', 'unknown/unknown'], undefined],
    ['linux/s390x', ['linux/s390x'], 'linux/s390x'],
  ])('on %s, of %j: %s', (wanted, candidates, expected) => {
    expect(bestFor(named(wanted), candidates, named)).toBe(expected)
  })
  it('tells whether a machine can run an image', () => {
    expect(canRun(named('linux/amd64'), named('linux/386'))).toBe(true)
    expect(canRun(named('linux/386'), named('linux/amd64'))).toBe(false)
  })
  it('tells whether an image is of the platform named, not only runnable there', () => {
    expect(isPlatform(named('linux/amd64'), named('linux/amd64'))).toBe(true)
    expect(isPlatform(named('linux/amd64'), named('linux/386'))).toBe(false)
    expect(isPlatform(named('linux/arm/v7'), named('linux/arm/v6'))).toBe(true)
    expect(isPlatform(named('linux/arm64'), named('linux/arm64/v8'))).toBe(true)
  })
})
