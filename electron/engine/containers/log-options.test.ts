import { expect, test } from 'vitest'
import { checkLog, logDetails, logOptions } from './log-options'

const of = (Type: string, Config: Record<string, string> = {}) => ({ Type, Config })

test.each([
  [of('syslog'), 'error looking up logging plugin syslog: plugin "syslog" not found'],
  [of('json-file', { nosuch: '1' }), "unknown log opt 'nosuch' for json-file log driver"],
  [of('local', { labels: 'a' }), "unknown log opt 'labels' for log driver local"],
  [of('json-file', { mode: 'fast' }), 'logger: logging mode not supported: fast'],
  [of('json-file', { 'max-buffer-size': '1m' }), "only supported with 'mode=non-blocking'"],
])('%j is refused', (config, message) => {
  expect(() => checkLog(config)).toThrow(message)
})

test('sizes and counts', () => {
  expect(logOptions(of('json-file'))).toEqual({ driver: 'json-file', maxSize: -1, maxFile: 1 })
  expect(logOptions(of('json-file', { 'max-size': '10k', 'max-file': '3' }))).toMatchObject({
    maxSize: 10240,
    maxFile: 3,
  })
  expect(() => logOptions(of('json-file', { 'max-file': '0' }))).toThrow('max-file cannot be less than 1')
  expect(() => logOptions(of('json-file', { compress: 'true' }))).toThrow('compress cannot be true')
})

test('details are the labels and variables that are named', () => {
  const config = { Labels: { a: '1', b: 'x y', c: '3' }, Env: ['E=5', 'F=6'] }
  expect(logDetails(of('json-file', { labels: 'a,b', 'env-regex': '^F' }), config)).toBe('F=6,a=1,b=x+y')
  expect(logDetails(of('json-file'), config)).toBe('')
})
