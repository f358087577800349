import { expect, it } from 'vitest'
import { createDemuxer, STDERR, STDOUT } from './stdio'

const frame = (stream: number, text: string) => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

it.each([1, 3, 8, 11, 1000])('takes the streams apart in chunks of %d bytes', (size) => {
  const input = Buffer.concat([
    frame(STDOUT, 'hello '),
    frame(STDERR, 'oops'),
    frame(STDOUT, ''),
    frame(STDOUT, 'world'),
  ])
  const seen: Record<number, string> = {}
  const demux = createDemuxer((stream, bytes) => {
    seen[stream] = (seen[stream] ?? '') + Buffer.from(bytes).toString()
  })
  for (let at = 0; at < input.length; at += size) demux(input.subarray(at, at + size))
  expect(seen).toEqual({ [STDOUT]: 'hello world', [STDERR]: 'oops' })
})
