import type { ProgressMessage } from '../images/progress'

/** What a build tells: text of its steps, progress of pulls, and the ids of what it made. */
export type BuildMessage = ProgressMessage | { aux: { ID: string } }

/** Takes a message; the promise, if there is one, resolves when the client is ready for more. */
export type Tell = (message: BuildMessage) => Promise<void> | void

/** How many bytes of text a stage that waits for its turn may have told before it has to wait. */
const maxHeld = 1024 * 1024

/**
 * The messages of one stage. Stages run side by side and are told of in their order: what a stage says before its turn is
 * held back, and when that is much the stage waits.
 */
export class StageOutput {
  private held: BuildMessage[] | undefined = []
  private bytes = 0
  private open: () => void = () => undefined
  private readonly turn = new Promise<void>((resolve) => (this.open = resolve))

  constructor(private readonly out: Tell) {}

  /** It is this stage's turn: tells what was held back, and from now on everything at once. */
  async begin(): Promise<void> {
    for (let message = this.held?.shift(); message; message = this.held?.shift()) await this.out(message)
    this.held = undefined
    this.open()
  }

  readonly tell = (message: BuildMessage): Promise<void> | void => {
    if (!this.held) return this.out(message)
    this.held.push(message)
    this.bytes += 'stream' in message ? (message.stream ?? '').length : 0
    return this.bytes > maxHeld ? this.turn : undefined
  }

  readonly say = (text: string): Promise<void> | void => this.tell({ stream: text })
}

/** Lets a bounded number of tasks run at once, in the order in which they came. */
export class Slots {
  private readonly waiting: (() => void)[] = []

  constructor(private free: number) {}

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>((resolve) => this.waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.waiting.shift()
      if (next) next()
      else this.free++
    }
  }
}
