/**
 * Reads a key sequence as `--detach-keys` takes it: characters and `ctrl-` with a letter or one of @ [ \ ] ^ _,
 * separated by commas. Throws on anything else.
 */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from(
    text.split(',').map((key) => {
      const [, control] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? []
      if (control) return control.toUpperCase().charCodeAt(0) & 0x1f
      if (key.length === 1) return key.charCodeAt(0)
      throw new Error(`invalid detach keys (${text}) provided`)
    }),
  )
}

/**
 * Watches typed bytes for a key sequence. The returned function gives what is to be passed on, holding back the start
 * of a sequence until it is known whether it goes on, or `'detach'` when the sequence is whole.
 */
export function createDetachWatch(sequence: Buffer): (typed: Buffer) => Buffer | 'detach' {
  let matched = 0
  return (typed) => {
    const passed: number[] = []
    for (const byte of typed) {
      if (byte === sequence[matched]) {
        if (++matched === sequence.length) return 'detach'
        continue
      }
      passed.push(...sequence.subarray(0, matched))
      matched = byte === sequence[0] ? 1 : 0
      if (!matched) passed.push(byte)
    }
    return Buffer.from(passed)
  }
}
