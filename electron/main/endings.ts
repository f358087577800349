import type { Ending } from '../../shared/app'
import type { EngineEvent } from './engine-client'

/** A container that dies again and again is told of this often, in seconds. */
const quietFor = 60

/** Finds in Docker's events what ended badly and nobody asked for: it is fed each event and says what to tell. */
export class Endings {
  /** Containers that somebody sent a signal; how these end is no news. */
  readonly #asked = new Set<string>()
  readonly #oom = new Set<string>()
  readonly #toldAt = new Map<string, number>()

  take({ Type, Action, Actor, time }: EngineEvent): Ending | undefined {
    if (Type !== 'container') return undefined
    const { ID: id, Attributes: { name = id.slice(0, 12), exitCode } = {} } = Actor
    const route = `/containers/${id}/overview`
    if (Action === 'kill') this.#asked.add(id)
    else if (Action === 'oom') this.#oom.add(id)
    else if (Action === 'health_status: unhealthy')
      return this.#once(id, time, { title: `${name} is unhealthy`, text: 'Its health check keeps failing.', route })
    else if (Action === 'destroy') this.#toldAt.delete(id)
    else if (Action === 'die') {
      const asked = this.#asked.delete(id)
      const oom = this.#oom.delete(id)
      if (asked || !exitCode || exitCode === '0') return undefined
      const text = oom ? 'It ran out of memory.' : `Its exit code is ${exitCode}.`
      return this.#once(id, time, { title: `${name} has ended`, text, route })
    }
    return undefined
  }

  #once(id: string, time: number, ending: Ending): Ending | undefined {
    if (time - (this.#toldAt.get(id) ?? -Infinity) < quietFor) return undefined
    this.#toldAt.set(id, time)
    return ending
  }
}
