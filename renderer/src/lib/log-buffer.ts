import { createDemuxer, STDERR, STDOUT } from '../../../shared/stdio'
import { lineSplitter } from '../api/client'
import { type AnsiStyle, parseAnsi, stripAnsi } from './ansi'

export interface LogLine {
  /** Counts up from the first line read; a line keeps it when older ones are dropped. */
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
}

const capacity = 100_000
/** Lines are dropped in bulk, so that a busy log does not shift an array of 100,000 for each line. */
const slack = 5_000

/** A container's log as lines; holds the newest 100,000. */
export class LogBuffer {
  lines: LogLine[] = []
  #next = 0
  #lastAt = ''
  readonly #streams = new Map<number, { push(text: string): void; decoder: TextDecoder; style: AnsiStyle }>()

  /** The time of the newest line, for `since`; lines up to it are passed over after a reconnect. */
  get lastAt(): string {
    return this.#lastAt
  }

  /** Takes the body of GET /containers/{id}/logs with timestamps, framed unless the container has a tty. */
  reader(tty: boolean): (bytes: Uint8Array) => void {
    this.#streams.clear()
    const resumeAfter = this.#lastAt
    const push = (stream: number, bytes: Uint8Array) => {
      const state = this.#stream(stream, resumeAfter)
      state.push(state.decoder.decode(bytes, { stream: true }))
    }
    return tty ? (bytes) => push(STDOUT, bytes) : createDemuxer(push)
  }

  #stream(stream: number, resumeAfter: string) {
    let state = this.#streams.get(stream)
    if (!state) {
      const style: AnsiStyle = {}
      const made = {
        ...lineSplitter((line) => this.#add(line, stream, made, resumeAfter)),
        decoder: new TextDecoder(),
        style,
      }
      this.#streams.set(stream, (state = made))
    }
    return state
  }

  #add(line: string, stream: number, state: { style: AnsiStyle }, resumeAfter: string): void {
    const space = line.indexOf(' ')
    const at = line.slice(0, space)
    if (resumeAfter && at <= resumeAfter) return
    // A progress bar rewrites its line; what stands at the end is what a terminal would show.
    const text = line
      .slice(space + 1)
      .replace(/\r+$/, '')
      .split('\r')
      .at(-1)!
    this.lines.push({ number: this.#next++, at, text, plain: stripAnsi(text), stream: stream === STDERR ? STDERR : STDOUT, style: state.style }) // prettier-ignore
    state.style = parseAnsi(text, state.style).end
    this.#lastAt = at
    if (this.lines.length > capacity + slack) this.lines = this.lines.slice(-capacity)
  }
}
