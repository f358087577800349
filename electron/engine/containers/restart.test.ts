import { describe, expect, test } from 'vitest'
import { nextPause, shouldRestart } from './restart'

describe('policies', () => {
  const ended = { exitCode: 1, restartCount: 0, stoppedByHand: false, atStart: false }
  const policy = (Name: string, MaximumRetryCount = 0) => ({ policy: { Name, MaximumRetryCount } })
  test.each([
    [{ ...ended, ...policy('no') }, false],
    [{ ...ended, ...policy('always') }, true],
    [{ ...ended, ...policy('always'), stoppedByHand: true }, false],
    [{ ...ended, ...policy('always'), stoppedByHand: true, atStart: true }, true],
    [{ ...ended, ...policy('unless-stopped'), exitCode: 0 }, true],
    [{ ...ended, ...policy('unless-stopped'), stoppedByHand: true, atStart: true }, false],
    [{ ...ended, ...policy('on-failure') }, true],
    [{ ...ended, ...policy('on-failure'), exitCode: 0 }, false],
    [{ ...ended, ...policy('on-failure', 2), restartCount: 1 }, true],
    [{ ...ended, ...policy('on-failure', 2), restartCount: 2 }, false],
  ])('%j', (question, expected) => {
    expect(shouldRestart(question)).toBe(expected)
  })
})

test('pauses double up to a minute, and start over after a steady run', () => {
  const pauses = [0]
  for (let count = 0; count < 12; count++) pauses.push(nextPause(pauses.at(-1)!, 5))
  expect(pauses.slice(1, 5)).toEqual([100, 200, 400, 800])
  expect(pauses.at(-1)).toBe(60_000)
  expect(nextPause(60_000, 10_000)).toBe(100)
})
