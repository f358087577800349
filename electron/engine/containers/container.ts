import { EventEmitter, once } from 'node:events'
import type { Config, EndpointSettings, HostConfig } from './config'
import type { Health } from './health'
import type { MountPoint } from './mounts'
import { endOf, isLive, type State } from './state'

/** What create decided, kept as it is until update. */
export interface Settings {
  config: Config
  hostConfig: HostConfig
  /** By network name, in the order of connecting. Empty for another container's network. */
  endpoints: Record<string, Endpoint>
  mounts: MountPoint[]
}

/** What a container asks of one network. */
export type Endpoint = EndpointSettings & { NetworkID: string }

export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** One container: its settings, its state, and those who wait for it. Rows are written by ContainerStore alone. */
export class Container {
  state: State
  /** How often the restart policy has started it since it was last started by hand. */
  restartCount = 0
  /** Stopped or killed by hand: `unless-stopped` leaves it alone after a restart of the engine. */
  stoppedByHand = false
  /** While it is being stopped: from when on the agent kills it, as `performance.now()`. */
  killedFrom = Infinity
  /** Of a container with a HEALTHCHECK, from its first start on. */
  health: Health | undefined
  private last: Promise<unknown> = Promise.resolve()
  private readonly emitter = new EventEmitter().setMaxListeners(0)

  constructor(
    readonly id: string,
    public name: string,
    /** The image's id. */
    readonly image: string,
    /** Milliseconds since 1970. */
    readonly created: number,
    public settings: Settings,
    state: State,
  ) {
    this.state = state
  }

  get shortId(): string {
    return this.id.slice(0, 12)
  }

  /** Runs one change of the container's state after the other; the order is that of the calls. */
  exclusive<T>(change: () => Promise<T>): Promise<T> {
    const done = this.last.then(change)
    this.last = done.catch(() => undefined)
    return done
  }

  /** Resolves when the changes that were asked for up to now are done. */
  async settled(): Promise<void> {
    await this.last
  }

  /** Tells those who wait. 'exited' comes with every end of a run, also when the policy will start it again. */
  tell(what: 'started' | 'exited' | 'removed'): void {
    this.emitter.emit(what, endOf(this.state).exitCode)
  }

  /** Resolves with the exit code when the condition holds. Rejects with an AbortError when the signal aborts. */
  async wait(condition: WaitCondition, signal?: AbortSignal): Promise<number> {
    const over = !isLive(this.state) && this.state.status !== 'restarting'
    if (condition === 'not-running' && over) return endOf(this.state).exitCode
    const [exitCode] = await once(this.emitter, condition === 'removed' ? 'removed' : 'exited', { signal })
    return exitCode as number
  }

  /** Resolves at the next start. Rejects with an AbortError when the signal aborts. */
  async nextStart(signal: AbortSignal): Promise<void> {
    await once(this.emitter, 'started', { signal })
  }
}
