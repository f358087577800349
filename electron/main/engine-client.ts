import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { parseHost } from '../../shared/paths'

/** An answer with a status of 400 or more, with the engine's own message. */
export class EngineApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
    this.name = 'EngineApiError'
  }
}

function open(host: string, method: string, path: string, timeout?: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ ...parseHost(host), method, path, timeout, agent: false }, resolve)
    call.on('timeout', () => call.destroy(new Error(`${host} did not answer within ${timeout} ms`)))
    call.on('error', reject)
    call.end()
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

/**
 * One call to the Docker Engine API, its answer's body unread.
 * @throws {EngineApiError} on a status of 400 or more; the socket's own error when nobody answers
 */
export async function openStream(
  host: string,
  method: string,
  path: string,
  timeout?: number,
): Promise<IncomingMessage> {
  const response = await open(host, method, path, timeout)
  if (response.statusCode! < 400) return response
  const text = await textOf(response)
  throw new EngineApiError(response.statusCode!, text.startsWith('{') ? JSON.parse(text).message : text)
}

/** One call that answers with JSON or nothing. @throws {EngineApiError} as `openStream` */
export async function callEngine<T>(host: string, method: string, path: string, timeout?: number): Promise<T> {
  const response = await openStream(host, method, path, timeout)
  const text = await textOf(response)
  return (text && response.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined) as T
}

/** Whether an engine answers at this address. */
export async function answers(host: string): Promise<boolean> {
  return callEngine(host, 'GET', '/_ping', 2000).then(
    () => true,
    () => false,
  )
}

/** Docker's event, the part that tray and notifications need. `time` in UNIX seconds. */
export interface EngineEvent {
  Type: string
  Action: string
  Actor: { ID: string; Attributes?: Record<string, string> }
  time: number
}

/**
 * Follows GET /events until the connection ends, which resolves the promise; never rejects. `stop` ends it.
 * @returns the promise and a function that ends the stream
 */
export function followEvents(
  host: string,
  onEvent: (event: EngineEvent) => void,
): { ended: Promise<void>; stop(): void } {
  const abort = new AbortController()
  const run = async () => {
    const response = await open(host, 'GET', '/events')
    abort.signal.addEventListener('abort', () => response.destroy())
    if (abort.signal.aborted) response.destroy()
    response.socket.setKeepAlive(true)
    for await (const line of createInterface({ input: response })) if (line) onEvent(JSON.parse(line))
  }
  return { ended: run().catch(() => undefined), stop: () => abort.abort() }
}
