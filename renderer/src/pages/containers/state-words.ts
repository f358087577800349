import type { ContainerInfo } from 'dockerode'
import { exitCodeOf, type Verb } from '../../stores/containers'

const doing: Record<Verb, string> = { start: 'Starting', stop: 'Stopping', restart: 'Restarting', remove: 'Removing' }

/** A container's state in one or two words; what is being done to it comes first. */
export function stateWords(container: ContainerInfo, busy?: Verb): string {
  if (busy) return doing[busy]
  const code = exitCodeOf(container)
  if (container.State === 'exited' && code !== undefined) return code ? `Exited (${code})` : 'Exited'
  return container.State.charAt(0).toUpperCase() + container.State.slice(1)
}
