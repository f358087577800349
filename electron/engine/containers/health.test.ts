import { describe, expect, test } from 'vitest'
import { checkOf, nextHealth, type CheckResult, type Health } from './health'

describe('HEALTHCHECK', () => {
  test('the shell form runs in the shell of the image', () => {
    expect(checkOf({ Test: ['CMD-SHELL', 'true'] }, undefined)?.args).toEqual(['/bin/sh', '-c', 'true'])
    expect(checkOf({ Test: ['CMD-SHELL', 'true'] }, ['/bin/ash', '-ec'])?.args).toEqual(['/bin/ash', '-ec', 'true'])
  })
  test('times are nanoseconds, 0 is the default', () => {
    const check = checkOf({ Test: ['CMD', 'true'], Interval: 300_000_000, Timeout: 0 }, undefined)
    expect(check).toMatchObject({ args: ['true'], interval: 300, timeout: 30_000, retries: 3 })
  })
  test.each([undefined, {}, { Test: [] }, { Test: ['NONE'] }])('%j is none', (healthcheck) => {
    expect(checkOf(healthcheck, undefined)).toBeUndefined()
  })
})

describe('health', () => {
  const result = (ExitCode: number): CheckResult => ({ Start: '', End: '', ExitCode, Output: '' })
  const starting: Health = { Status: 'starting', FailingStreak: 0, Log: [] }
  const after = (codes: number[], from = starting, inStartPeriod = false) =>
    codes.reduce((health, code) => nextHealth(health, result(code), 2, inStartPeriod), from)

  test('one success is healthy', () => expect(after([0]).Status).toBe('healthy'))
  test('failures count up to the retries', () => {
    expect(after([1])).toMatchObject({ Status: 'starting', FailingStreak: 1 })
    expect(after([1, -1])).toMatchObject({ Status: 'unhealthy', FailingStreak: 2 })
  })
  test('a success ends the streak', () =>
    expect(after([1, 1, 0])).toMatchObject({ Status: 'healthy', FailingStreak: 0 }))
  test('failures in the start period do not count', () =>
    expect(after([1, 1, 1], starting, true)).toMatchObject({ Status: 'starting', FailingStreak: 0 }))
  test('the last five results are kept', () => expect(after([0, 1, 0, 1, 0, 1, 0]).Log).toHaveLength(5))
})
