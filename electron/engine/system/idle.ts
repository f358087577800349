/** Calls `act` once `minutes` have passed in which nothing was going on; asks no more often than that. */
export class IdleTimer {
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly options: {
      /** 0 is never. */
      minutes: () => number
      /** When something was last going on, as performance.now() has it; now where something is. */
      lastUse: () => number
      act: () => void
    },
  ) {}

  /** To be called when the machine has begun to run, and when `minutes` changes. */
  start(): void {
    this.stop()
    const limit = this.options.minutes() * 60_000
    if (limit === 0) return
    const left = this.options.lastUse() + limit - performance.now()
    if (left <= 0) return this.options.act()
    this.timer = setTimeout(() => this.start(), left)
    this.timer.unref()
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}
