import { guestEvent, ops, protocol, type GuestEvent, type Op, type Reply, type Request } from './contract'
import { GuestError, Link, type Answer, type LinkStream } from './link'
import type { Machine } from './machine'

export interface GuestOptions {
  /** Answers what the agent asks (see contract.json, ops with from=agent). */
  answers: Record<string, Answer>
  onEvent: (event: GuestEvent) => void
  /** The link was lost and is back; containers may have changed in between: `hello` tells. */
  onReconnect: (hello: Reply<'hello'>) => void
}

/** The agent of a running machine: its typed client, which joins again by itself when the link is lost. */
export class Guest {
  private link: Link | undefined
  private ended = false

  private constructor(
    private readonly machine: Machine,
    private readonly options: GuestOptions,
  ) {}

  /** Connects, follows the agent's events and says hello. Rejects when the agent can't be reached or is another protocol's. */
  static async connect(machine: Machine, options: GuestOptions): Promise<{ guest: Guest; hello: Reply<'hello'> }> {
    const guest = new Guest(machine, options)
    return { guest, hello: await guest.join() }
  }

  /** One round trip. Rejects with a GuestError; of kind 'unavailable' when the machine is gone. */
  call<O extends Op>(op: O, request: Request<O>): Promise<Reply<O>> {
    return this.current().call(op, request)
  }

  /** A stream of the op's bytes; see Link.open. */
  open<O extends Op>(op: O, request: Request<O>): LinkStream<Reply<O>> {
    return this.current().open(op, request)
  }

  close(): void {
    this.ended = true
    this.link?.close()
  }

  private current(): Link {
    if (!this.link) throw new GuestError('unavailable', 'the machine is not running')
    return this.link
  }

  private async join(): Promise<Reply<'hello'>> {
    const link = new Link(await this.machine.connect(), this.options.answers)
    // Events first, hello second: what happens in between is then told twice rather than never.
    void this.follow(link)
    const hello = await link
      .call('hello', { protocol, time: new Date().toISOString() })
      .then((reply) => ops.hello.reply.parse(reply))
      .catch((error: unknown) => {
        link.close()
        throw error
      })
    this.link = link
    void link.closed.then(() => this.lost())
    return hello
  }

  private async follow(link: Link): Promise<void> {
    let rest = ''
    try {
      for await (const chunk of link.open('events', {}).setEncoding('utf8')) {
        const lines = (rest + (chunk as string)).split('\n')
        rest = lines.pop()!
        for (const line of lines) this.options.onEvent(guestEvent.parse(JSON.parse(line)))
      }
    } catch {
      // The link is lost: `lost` joins again, and hello tells what happened meanwhile.
    }
  }

  private async lost(): Promise<void> {
    this.link = undefined
    for (let wait = 50; !this.ended; wait = Math.min(wait * 2, 2000)) {
      try {
        this.options.onReconnect(await this.join())
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }
}
