import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { messageOf } from '../errors'
import type { ApiAnswer } from './http'

/** Takes one JSON object of the answer; the promise, if there is one, resolves when the client is ready for more. */
export type Tell = (message: object) => Promise<void> | void

/**
 * Answers with what `work` tells, one JSON object a line. What fails before anything was told gets a status code of its
 * own; later a failure can only be told in the stream, as dockerd does. `codeOf` gives a failure's exit code.
 */
export async function progressAnswer(
  signal: AbortSignal,
  work: (tell: Tell) => Promise<void>,
  codeOf: (error: unknown) => number | undefined = () => undefined,
): Promise<ApiAnswer> {
  const output = new PassThrough()
  let begin: () => void = () => undefined
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const tell: Tell = (message) => {
    begin()
    if (signal.aborted || output.write(`${JSON.stringify(message)}\r\n`)) return
    return once(output, 'drain', { signal }).then(
      () => undefined,
      () => undefined,
    )
  }
  const failure = work(tell).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  const early = await Promise.race([begun, failure])
  if (early) throw early.error
  void failure.then((late) => {
    if (late && !signal.aborted) void tell(failureMessage(late.error, codeOf(late.error)))
    output.end()
  })
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: output }
}

/** How a failure is told in a stream of messages. */
export function failureMessage(error: unknown, code?: number): object {
  const message = messageOf(error)
  return { errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message }
}
