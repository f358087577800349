import type { Readable } from 'node:stream'

/** Takes Docker's stdio framing apart: the bytes of standard output (1) and standard error (2) as they come. */
export async function* demultiplex(stream: Readable): AsyncGenerator<[channel: 1 | 2, bytes: Buffer]> {
  let rest: Buffer = Buffer.alloc(0)
  let remaining = 0
  let channel: 1 | 2 = 1
  for await (const chunk of stream) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer)
    for (;;) {
      if (remaining === 0) {
        if (rest.length < 8) break
        channel = rest[0] === 2 ? 2 : 1
        remaining = rest.readUInt32BE(4)
        rest = rest.subarray(8)
      }
      if (rest.length === 0) break
      const part = rest.subarray(0, remaining)
      remaining -= part.length
      rest = rest.subarray(part.length)
      yield [channel, part]
    }
  }
}
