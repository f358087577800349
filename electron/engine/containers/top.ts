import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { EngineError } from '../errors'
import { attributesOf } from './events'
import { isLive } from './state'

/** GET /containers/{id}/top. `psArgs` as for ps(1); "-ef" and nothing give Docker's default columns. */
export async function topOf(
  { guest, events }: ContainersOptions,
  container: Container,
  psArgs: string,
): Promise<{ Titles: string[]; Processes: string[][] }> {
  if (!isLive(container.state)) {
    throw new EngineError('conflict', `container ${container.id} is not running`)
  }
  const args = psArgs.split(/\s+/).filter(Boolean)
  const wanted = args.length === 1 && args[0] === '-ef' ? [] : args
  const { titles, processes } = await guest().call('container.top', { id: container.id, args: wanted })
  events.emit('container', 'top', container.id, attributesOf(container))
  return { Titles: titles, Processes: processes }
}
