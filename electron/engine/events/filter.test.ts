import { expect, test } from 'vitest'
import { Events, type DockerEvent } from './events'
import { matchesEvent, parseTime } from './filter'

function emitted(): DockerEvent[] {
  const events = new Events()
  events.emit('container', 'exec_create: sh -c x', 'abcdef012345', {
    name: 'web',
    image: 'busybox:latest',
    tier: 'front',
  })
  events.emit('container', 'die', '999999999999', { name: 'db', image: 'redis', exitCode: '1' })
  events.emit('volume', 'create', 'data', { driver: 'local' })
  events.emit('image', 'tag', 'sha256:1234', { name: 'busybox:1' })
  return events.since(0)
}

test.each([
  [{ type: ['container'] }, 2],
  [{ event: ['exec_create', 'die'] }, 2],
  [{ container: ['web'] }, 1],
  [{ container: ['abcdef'] }, 1],
  [{ image: ['busybox'] }, 1],
  [{ image: ['busybox:latest', 'redis'] }, 2],
  [{ label: ['tier=front'] }, 1],
  [{ label: ['tier'], event: ['die'] }, 0],
  [{ volume: ['data'] }, 1],
  [{}, 4],
])('%j lets %i through', (wanted, count) => {
  const map = new Map(Object.entries(wanted as Record<string, string[]>))
  expect(emitted().filter((event) => matchesEvent(event, map))).toHaveLength(count)
})

test('times', () => {
  expect(parseTime(null)).toBeUndefined()
  expect(parseTime('12.5')).toBe(12.5)
  expect(parseTime('1970-01-01T00:01:00Z')).toBe(60)
  expect(() => parseTime('yesterday')).toThrow(/parse/)
})

test('nothing is told after listening ended', () => {
  const events = new Events()
  const heard: string[] = []
  const stop = events.listen((event) => heard.push(event.Action))
  events.emit('volume', 'create', 'a')
  stop()
  events.emit('volume', 'destroy', 'a')
  expect(heard).toEqual(['create'])
})
