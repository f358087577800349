import { expect, test } from 'vitest'
import { levelOf } from './log-level'

test.each([
  ['2026-01-01 12:00:00 ERROR no such table', 'error'],
  ['time="..." level=warning msg="slow"', 'warn'],
  ['{"time":1,"level":"debug","msg":"x"}', 'debug'],
  ['2026/01/01 [notice] 1#1: nginx/1.27', 'info'],
  ['[1234] [crit] out of memory', 'error'],
  ['2026-01-01 UTC [1] LOG:  database system is ready', 'info'],
  ['an error in the middle of a sentence', undefined],
  ['GET /errors 200', undefined],
])('%s', (line, level) => expect(levelOf(line)).toBe(level))
