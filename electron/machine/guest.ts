import type { Duplex } from 'node:stream'
import { guestEvent, ops, protocol, type GuestEvent, type Op, type Reply, type Request } from './contract'
import { GuestError, Link, type Answer, type LinkStream } from './link'

export interface GuestOptions {
  /** Answers what the agent asks (see contract.json, ops with from=agent). */
  answers: Record<string, Answer>
  onEvent: (event: GuestEvent) => void
  /** A byte stream to the agent; may take as long as a machine takes to resume. */
  connect: () => Promise<Duplex>
  /** The link was lost and is back; containers may have changed in between: `hello` tells. */
  onReconnect: (hello: Reply<'hello'>) => void
}

/** Ops that only look: they neither keep a machine awake nor wake it. */
const looking: ReadonlySet<Op> = new Set(['usage', 'stats'] as const)

/** One connection to the agent, from its making on. */
interface Session {
  link: Link
  hello: Promise<Reply<'hello'>>
}

/**
 * The typed client of the agent, for as long as the engine lives. It has a connection from `join` to `leave`, made again
 * by itself when it is lost; between `rest` and the next call none is there, and that call makes it.
 */
export class Guest {
  private session: Session | undefined
  private away: 'left' | 'resting' | undefined = 'left'
  /** When something was last asked of the agent or told by it, as performance.now() has it. */
  lastUse = performance.now()

  constructor(private readonly options: GuestOptions) {}

  /**
   * Connects where no connection is or is being made, follows the agent's events and says hello, which sets its clock;
   * calls made meanwhile go out after that. Rejects when the agent can't be reached or is another protocol's.
   */
  join(): Promise<Reply<'hello'>> {
    this.session ??= this.begin()
    return this.session.hello
  }

  /** One round trip. Rejects with a GuestError; of kind 'unavailable' when the machine is gone. */
  call<O extends Op>(op: O, request: Request<O>): Promise<Reply<O>> {
    return this.open(op, request).reply
  }

  /** A stream of the op's bytes; see Link.open. */
  open<O extends Op>(op: O, request: Request<O>): LinkStream<Reply<O>> {
    if (!looking.has(op)) this.lastUse = performance.now()
    else if (this.away === 'resting') throw new GuestError('unavailable', 'the machine is suspended')
    return this.current().open(op, request)
  }

  /** Whether an operation is under way. */
  get busy(): boolean {
    // One is the agent's events.
    return (this.session?.link.openStreams ?? 0) > 1
  }

  /** Ends the connection, if there is one. Calls fail from now on until `join`. */
  leave(cause?: GuestError): void {
    this.away = 'left'
    this.drop(cause)
  }

  /** As `leave`, by waiting until the agent has ended, for at most `limit` milliseconds. */
  async seeOff(limit: number): Promise<void> {
    this.away = 'left'
    const timer = setTimeout(() => this.drop(), limit)
    await this.session?.link.closed
    clearTimeout(timer)
    this.drop()
  }

  /** Ends the connection; the next call or stream makes a new one. */
  rest(): void {
    this.away = 'resting'
    this.drop()
  }

  private drop(cause?: GuestError): void {
    const { session } = this
    this.session = undefined
    session?.link.close(cause)
  }

  private current(): Link {
    if (!this.session && this.away === 'resting') void this.join().catch(() => undefined)
    if (!this.session) throw new GuestError('unavailable', 'the machine is not running')
    return this.session.link
  }

  private begin(): Session {
    this.away = undefined
    const link = new Link(undefined, this.options.answers)
    const session = { link, hello: this.greet(link) }
    session.hello.catch((error: unknown) => {
      if (this.session === session) this.session = undefined
      link.close(error instanceof GuestError ? error : new GuestError('unavailable', (error as Error).message))
    })
    return session
  }

  private async greet(link: Link): Promise<Reply<'hello'>> {
    link.attach(await this.options.connect())
    // Events first, hello second: what happens in between is then told twice rather than never.
    void this.follow(link)
    const hello = await link.openAhead('hello', { protocol, time: new Date().toISOString() }).reply
    this.lastUse = performance.now()
    void link.closed.then(() => this.lost(link))
    link.release()
    return ops.hello.reply.parse(hello)
  }

  private async follow(link: Link): Promise<void> {
    let rest = ''
    try {
      for await (const chunk of link.openAhead('events', {}).setEncoding('utf8')) {
        const lines = (rest + (chunk as string)).split('\n')
        rest = lines.pop()!
        this.lastUse = performance.now()
        for (const line of lines) this.options.onEvent(guestEvent.parse(JSON.parse(line)))
      }
    } catch {
      // The link is lost: `lost` joins again, and hello tells what happened meanwhile.
    }
  }

  private async lost(link: Link): Promise<void> {
    if (this.session?.link !== link) return
    this.session = undefined
    for (let wait = 50; !this.away && !this.session; wait = Math.min(wait * 2, 2000)) {
      try {
        this.options.onReconnect(await this.join())
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }
}
