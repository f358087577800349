import type { ContainerInfo } from 'dockerode'
import { exitCodeOf, type Verb } from '../../stores/containers'

const doing: Record<Verb, string> = {
  start: 'Starting',
  stop: 'Stopping',
  restart: 'Restarting',
  pause: 'Pausing',
  unpause: 'Resuming',
  kill: 'Killing',
  remove: 'Removing',
}

/** A container's state in one or two words; what is being done to it comes first. */
export function stateWords(container: ContainerInfo, busy?: Verb): string {
  if (busy) return doing[busy]
  const code = exitCodeOf(container)
  if (container.State === 'exited' && code !== undefined) return code ? `Exited (${code})` : 'Exited'
  const health = /\((healthy|unhealthy|health: starting)\)/.exec(container.Status)?.[1]
  if (health === 'unhealthy') return 'Unhealthy'
  if (health === 'healthy') return 'Healthy'
  return container.State.charAt(0).toUpperCase() + container.State.slice(1)
}
