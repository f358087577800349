/** The streams of Docker's stdio framing. */
export const STDOUT = 1
export const STDERR = 2

/**
 * Takes apart Docker's framing of stdout and stderr on one stream: an 8 byte header [stream, 0, 0, 0, length u32 BE],
 * then the bytes (Docker Engine API, "attach to a container"). Returns a function that takes the stream's bytes in
 * chunks of any size and calls `emit` with views on them, as soon as they are there.
 */
export function createDemuxer(emit: (stream: number, bytes: Uint8Array) => void): (chunk: Uint8Array) => void {
  const header = new Uint8Array(8)
  let headerLength = 0
  let left = 0
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (left === 0) {
        const piece = chunk.subarray(at, at + 8 - headerLength)
        header.set(piece, headerLength)
        headerLength += piece.length
        at += piece.length
        if (headerLength < 8) return
        headerLength = 0
        left = new DataView(header.buffer).getUint32(4)
      } else {
        const piece = chunk.subarray(at, at + left)
        left -= piece.length
        at += piece.length
        emit(header[0]!, piece)
      }
    }
  }
}

/** Puts bytes into one frame of that framing. */
export function frame(stream: number, bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(8 + bytes.length)
  framed[0] = stream
  new DataView(framed.buffer).setUint32(4, bytes.length)
  framed.set(bytes, 8)
  return framed
}
