import { EventEmitter, on } from 'node:events'

const kept = 2000

/** The newest lines of the machine's console and its driver's notes, and a way to follow them. */
export class MachineLog {
  private lines: string[] = []
  private readonly news = new EventEmitter<{ line: [string] }>().setMaxListeners(0)

  constructor(private readonly write: (line: string) => void) {}

  add(line: string): void {
    this.write(line)
    this.lines.push(line)
    if (this.lines.length > 2 * kept) this.lines = this.lines.slice(-kept)
    this.news.emit('line', line)
  }

  /** The last `tail` lines, each with its line feed, and with a signal those that come until it aborts. */
  async *read(tail: number, follow?: AbortSignal): AsyncGenerator<string> {
    const coming = follow && on(this.news, 'line', { signal: follow })
    if (tail > 0) for (const line of this.lines.slice(-tail)) yield `${line}\n`
    if (!coming) return
    try {
      for await (const [line] of coming) yield `${line}\n`
    } catch (error) {
      if (!follow.aborted) throw error
    }
  }
}
