import { humanDuration } from '../../../shared/units'
import type { Container } from './container'

const healthTexts = { starting: 'health: starting', healthy: 'healthy', unhealthy: 'unhealthy' }

/** `Status` of a list entry, the text that `docker ps` shows. `now` in milliseconds since 1970. */
export function statusText({ state, health }: Pick<Container, 'state' | 'health'>, now: number): string {
  const since = (time: string) => humanDuration(Math.max(0, now - Date.parse(time)))
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt)}${health ? ` (${healthTexts[health.Status]})` : ''}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'created':
      return 'Created'
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
  }
}
