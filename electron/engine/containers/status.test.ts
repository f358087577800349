import { expect, test } from 'vitest'
import { fresh, never, type State } from './state'
import { statusText } from './status'

const now = Date.parse('2026-01-02T03:04:10Z')
const run = {
  pid: 1,
  startedAt: '2026-01-02T03:04:05.5Z',
  finishedAt: never,
  attachments: [],
  ports: [],
  oomKilled: false,
}
const end = { exitCode: 3, error: '', startedAt: never, finishedAt: '2026-01-02T02:04:10Z', oomKilled: false }

test.each<[State, string]>([
  [fresh, 'Created'],
  [{ status: 'running', ...run }, 'Up 4 seconds'],
  [{ status: 'paused', ...run }, 'Up 4 seconds (Paused)'],
  [{ status: 'exited', ...end }, 'Exited (3) About an hour ago'],
  [{ status: 'restarting', ...end }, 'Restarting (3) About an hour ago'],
  [{ status: 'removing', ...end }, 'Removal In Progress'],
  [{ status: 'dead', ...end }, 'Dead'],
])('%j', (state, text) => expect(statusText({ state, health: undefined }, now)).toBe(text))

test('the health of a running container is told', () => {
  const health = { Status: 'starting' as const, FailingStreak: 0, Log: [] }
  const state: State = { status: 'running', ...run }
  expect(statusText({ state, health }, now)).toBe('Up 4 seconds (health: starting)')
  expect(statusText({ state, health: { ...health, Status: 'healthy' } }, now)).toBe('Up 4 seconds (healthy)')
})
