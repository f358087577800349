import { Transform, type TransformCallback } from 'node:stream'
import { EngineError } from '../errors'

const defaultKeys = 'ctrl-p,ctrl-q'

/** Reads `ctrl-p,ctrl-q`, `a,b`, `ctrl-]` into the bytes that a terminal sends. Throws 'invalid' in Docker's words. */
export function parseDetachKeys(text: string): number[] {
  return (text || defaultKeys).split(',').map((key) => {
    const [, control] = /^ctrl-([a-z@[\\\]^_])$/.exec(key) ?? []
    if (control) return control === '@' ? 0 : control.toUpperCase().charCodeAt(0) & 0x1f
    if (key.length === 1) return key.charCodeAt(0)
    throw new EngineError('invalid', `Invalid escape keys (${text}) provided: Unknown character: '${key}'`)
  })
}

/** Passes a terminal's input on until the keys come in a row; calls `onDetach` then and drops the rest. */
export class DetachFilter extends Transform {
  private matched = 0
  private detached = false

  constructor(
    private readonly keys: readonly number[],
    private readonly onDetach: () => void,
  ) {
    super()
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const out: number[] = []
    for (const byte of chunk) {
      if (this.detached) break
      if (byte !== this.keys[this.matched]) {
        // What looked like the keys was not: it is input after all.
        out.push(...this.keys.slice(0, this.matched))
        this.matched = 0
      }
      if (byte !== this.keys[this.matched]) out.push(byte)
      else if (++this.matched === this.keys.length) this.detached = true
    }
    if (out.length > 0) this.push(Buffer.from(out))
    if (this.detached) this.onDetach()
    done()
  }

  override _flush(done: TransformCallback): void {
    if (!this.detached && this.matched > 0) this.push(Buffer.from(this.keys.slice(0, this.matched)))
    done()
  }
}
