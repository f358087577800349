import { request, type IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { TestEngine } from './engine'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  /** The body as JSON. */
  json(): any // eslint-disable-line @typescript-eslint/no-explicit-any -- tests look into many shapes
}

/** One plain call of the API. A Buffer or a stream is sent as it is, anything else as JSON. */
export function call(engine: TestEngine, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const raw = Buffer.isBuffer(body) || body instanceof Readable
    const headers = body === undefined ? {} : { 'Content-Type': raw ? 'application/x-tar' : 'application/json' }
    const sent = request({ socketPath: engine.socketPath, method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const whole = Buffer.concat(chunks)
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: whole,
          json: () => JSON.parse(whole.toString()),
        })
      })
    })
    sent.on('error', reject)
    if (body instanceof Readable) body.pipe(sent)
    else sent.end(body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body))
  })
}
