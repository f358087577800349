import { Readable } from 'node:stream'

/**
 * A byte stream of these chunks. When it is destroyed, the source is closed as a loop's `break` closes it: the reason is
 * not thrown into the source, which could not tell it from a failure of its own.
 */
export function readableOf(source: AsyncIterable<Uint8Array>): Readable {
  const iterator = source[Symbol.asyncIterator]()
  const closing: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => iterator.next(),
      return: async () => {
        await iterator.return?.()
        return { done: true, value: undefined }
      },
    }),
  }
  return Readable.from(closing, { objectMode: false })
}

/** Passes chunks on, telling each time how many bytes there were so far. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    onBytes(bytes)
    yield chunk
  }
}
