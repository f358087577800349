import { createDemuxer, STDERR, STDOUT } from '../../../shared/stdio'
import { lineSplitter } from '../api/client'
import { type AnsiStyle, parseAnsi, stripAnsi } from './ansi'
import { type LogLevel, levelOf } from './log-level'

export interface LogLine {
  /** Its own, whatever comes before and after it. */
  number: number
  /** RFC 3339 with nanoseconds, as the engine gives it. */
  at: string
  /** With its escape sequences. */
  text: string
  /** Without them. */
  plain: string
  stream: number
  /** The style that the line before on this stream ended with. */
  style: AnsiStyle
  level?: LogLevel
  /** The container's id. */
  source: string
}

const capacity = 100_000
/** Lines are dropped in bulk, so that a busy log does not shift an array of 100,000 for each line. */
const slack = 5_000

/** The newest 100,000 lines of one log, or of several in the order of their times. */
export class LogBuffer {
  lines: LogLine[] = []
  #next = 0
  #added: LogLine[] = []

  /** Takes a line; it is among `lines` after the next `settle`. */
  add(line: Omit<LogLine, 'number'>): void {
    this.#added.push({ ...line, number: this.#next++ })
  }

  /** Puts what was added in its place by time. One log comes in order, so mostly this is only an append. */
  settle(): void {
    const added = this.#added
    if (!added.length) return
    this.#added = []
    let inOrder = true
    for (let i = 1; i < added.length && inOrder; i++) inOrder = added[i - 1]!.at <= added[i]!.at
    if (!inOrder) added.sort(byTime)
    const last = this.lines.at(-1)
    if (!last || last.at <= added[0]!.at) for (const line of added) this.lines.push(line)
    else {
      let from = this.lines.length
      while (from > 0 && this.lines[from - 1]!.at > added[0]!.at) from--
      this.lines = [...this.lines.slice(0, from), ...merge(this.lines.slice(from), added)]
    }
    if (this.lines.length > capacity + slack) this.lines = this.lines.slice(-capacity)
  }

  clear(): void {
    this.lines = []
    this.#added = []
  }
}

/** By time, then in the order of their coming. */
const byTime = (a: LogLine, b: LogLine) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.number - b.number)

function merge(a: LogLine[], b: LogLine[]): LogLine[] {
  const merged: LogLine[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) merged.push(byTime(a[i]!, b[j]!) <= 0 ? a[i++]! : b[j++]!)
  return [...merged, ...a.slice(i), ...b.slice(j)]
}

/** Turns the bodies of GET /containers/{id}/logs with timestamps, one after another, into lines of a buffer. */
export class LogReader {
  #lastAt = ''

  constructor(
    private readonly source: string,
    private readonly buffer: LogBuffer,
  ) {}

  /** The time of the newest line, for `since`; lines up to it are passed over after a reconnect. */
  get lastAt(): string {
    return this.#lastAt
  }

  /** A body begins: gives what takes its bytes, framed unless the container has a tty. */
  open(tty: boolean): (bytes: Uint8Array) => void {
    const resumeAfter = this.#lastAt
    const streams = new Map<number, (bytes: Uint8Array) => void>()
    const push = (stream: number, bytes: Uint8Array) => {
      let take = streams.get(stream)
      if (!take) streams.set(stream, (take = this.#stream(stream, resumeAfter)))
      take(bytes)
    }
    return tty ? (bytes) => push(STDOUT, bytes) : createDemuxer(push)
  }

  #stream(stream: number, resumeAfter: string): (bytes: Uint8Array) => void {
    const decoder = new TextDecoder()
    let style: AnsiStyle = {}
    const splitter = lineSplitter((line) => {
      const space = line.indexOf(' ')
      const at = line.slice(0, space)
      if (resumeAfter && at <= resumeAfter) return
      // A progress bar rewrites its line; what stands at the end is what a terminal would show.
      const text = line.slice(space + 1).replace(/\r+$/, '').split('\r').at(-1)! // prettier-ignore
      const plain = stripAnsi(text)
      this.buffer.add({ at, text, plain, stream: stream === STDERR ? STDERR : STDOUT, style, level: levelOf(plain), source: this.source }) // prettier-ignore
      if (text !== plain) style = parseAnsi(text, style).end
      this.#lastAt = at
    })
    return (bytes) => splitter.push(decoder.decode(bytes, { stream: true }))
  }
}
