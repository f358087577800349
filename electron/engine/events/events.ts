import { EventEmitter } from 'node:events'

/** One event of GET /events, in the API's own shape. */
export interface DockerEvent {
  Type: 'container' | 'image' | 'volume' | 'network' | 'daemon' | 'builder'
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
  scope: 'local'
  /** Seconds since 1970. */
  time: number
  timeNano: number
  /** Kept for clients older than API 1.22. */
  status?: string
  id?: string
  from?: string
}

/** As many past events as dockerd keeps for `since`. */
const kept = 256

/** Everything that happens, told once to all who listen; the last few are kept for those who ask about the past. */
export class Events {
  private readonly emitter = new EventEmitter().setMaxListeners(0)
  private readonly past: DockerEvent[] = []

  emit(type: DockerEvent['Type'], action: string, id: string, attributes: Record<string, string> = {}): void {
    const nano = now()
    const event: DockerEvent = {
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: 'local',
      time: Number(nano / 1_000_000_000n),
      timeNano: Number(nano),
      ...(type === 'container' || type === 'image' ? { status: action, id } : {}),
      ...(type === 'container' && attributes.image ? { from: attributes.image } : {}),
    }
    this.past.push(event)
    if (this.past.length > kept) this.past.shift()
    this.emitter.emit('event', event)
  }

  /** The kept events from `since` on (seconds since 1970, with a fraction). */
  since(since: number): DockerEvent[] {
    return this.past.filter((event) => event.timeNano / 1e9 >= since)
  }

  /** How many listen now. */
  get listeners(): number {
    return this.emitter.listenerCount('event')
  }

  /** Calls back for every event from now on, until the returned function is called. */
  listen(listener: (event: DockerEvent) => void): () => void {
    this.emitter.on('event', listener)
    return () => this.emitter.off('event', listener)
  }
}

const epoch = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint()

/** Nanoseconds since 1970, never going back. */
function now(): bigint {
  return epoch + process.hrtime.bigint()
}
