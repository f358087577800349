/** An answer of the engine with a status of 400 or more, with its own message. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

interface CallOptions {
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  /** Bytes to send as they are, instead of a JSON body. */
  raw?: Uint8Array<ArrayBuffer>
  signal?: AbortSignal
}

/**
 * One call to the Docker Engine API, its body unread.
 * @throws {ApiError} on a status of 400 or more
 */
export async function request(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(options.query ?? {})) if (value !== undefined) query.set(key, String(value))
  const response = await fetch(`/api${path}${query.size ? `?${query}` : ''}`, {
    method,
    signal: options.signal,
    ...(options.raw && { headers: { 'content-type': 'application/x-tar' }, body: options.raw }),
    ...(options.body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(options.body),
    }),
  })
  if (response.status < 400) return response
  throw new ApiError(response.status, messageFrom(await response.text(), response.status))
}

/** What a failed answer says, for a person. */
export function messageFrom(text: string, status: number): string {
  let message = text
  try {
    message = JSON.parse(text).message
  } catch {
    // Not every answer is Docker's; a plain text is shown as it is.
  }
  return message || `The engine answered with status ${status}`
}

/** One call that answers with JSON. @throws {ApiError} */
export async function json<T>(method: string, path: string, options?: CallOptions): Promise<T> {
  return (await request(method, path, options)).json()
}

/** Takes text in chunks of any size apart into lines; `push` calls `emit` for each whole one. */
export function lineSplitter(emit: (line: string) => void): { push(text: string): void; flush(): void } {
  let rest = ''
  return {
    push(text) {
      const parts = (rest + text).split('\n')
      rest = parts.pop()!
      for (const part of parts) emit(part)
    },
    flush() {
      if (rest) emit(rest)
      rest = ''
    },
  }
}

/** Reads a body of JSON lines until it ends. A signal that fires ends it with the fetch's AbortError. */
export async function eachJsonLine<T>(response: Response, onValue: (value: T) => void): Promise<void> {
  const decoder = new TextDecoder()
  const lines = lineSplitter((line) => line.trim() && onValue(JSON.parse(line)))
  await eachChunk(response, (bytes) => lines.push(decoder.decode(bytes, { stream: true })))
  lines.flush()
}

/** Reads a body chunk by chunk until it ends; the next chunk waits for what `onChunk` promises. */
export async function eachChunk(
  response: Response,
  onChunk: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const reader = response.body!.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    await onChunk(value)
  }
}

/** The message of anything thrown, for a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether a call ended because we ended it. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
