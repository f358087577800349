import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Readable, type Duplex } from 'node:stream'
import { parseHost } from '../../shared/paths'
import { maxApiVersion } from '../../shared/version'
import { UsageError } from './flags'

/** An answer of the engine that is not a success. The message is the one to show. */
export class EngineError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(`Error response from daemon: ${detail}`)
  }
}

/** The engine could not be reached at all. */
export class ConnectionError extends Error {}

export interface CallOptions {
  query?: Record<string, string | number | boolean | string[] | undefined>
  /** Anything but a stream is sent as JSON. */
  body?: unknown
  headers?: Record<string, string>
}

type Verb = 'GET' | 'POST' | 'PUT' | 'HEAD' | 'DELETE'

/** An older version of two, each `MAJOR.MINOR`. */
const older = (a: string, b: string) => (a.localeCompare(b, 'en', { numeric: true }) <= 0 ? a : b)

/** A client of the Docker Engine API on one address. The version is negotiated before the first call. */
export class EngineClient {
  private readonly target: RequestOptions
  private prefix: Promise<string> | undefined

  /** @param host an address of DOCKER_HOST's form; throws when it has another form. */
  constructor(readonly host: string) {
    this.target = { ...parseHost(host), agent: new Agent({ keepAlive: true }) }
  }

  /** The API version in use: the lower of the engine's and ours. */
  async version(): Promise<string> {
    return (await this.negotiated()).slice(2)
  }

  /** Sends a call and gives its answer as soon as its headers are there. Throws EngineError or ConnectionError. */
  async open(method: Verb, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    return this.send(method, (await this.negotiated()) + path, options)
  }

  /** Sends a call and reads its whole answer as JSON; undefined when the answer is empty. */
  async call<T = unknown>(method: Verb, path: string, options?: CallOptions): Promise<T> {
    const text = (await readAll(await this.open(method, path, options))).toString()
    return (text ? JSON.parse(text) : undefined) as T
  }

  /** Sends a call whose connection becomes a raw byte stream both ways (attach, exec). */
  async hijack(path: string, options: CallOptions = {}): Promise<Duplex> {
    const url = (await this.negotiated()) + path + queryString(options.query)
    return new Promise((resolve, reject) => {
      const body = options.body === undefined ? '' : JSON.stringify(options.body)
      const request = httpRequest({
        ...this.target,
        agent: undefined,
        method: 'POST',
        path: url,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          Connection: 'Upgrade',
          Upgrade: 'tcp',
        },
      })
      request.on('error', (error) => reject(this.unreachable(error)))
      request.on('upgrade', (_response, socket, head) => {
        if (head.length) socket.unshift(head)
        resolve(socket)
      })
      request.on('response', (response) => {
        failure(response).then(reject, reject)
      })
      request.end(body)
    })
  }

  private negotiated(): Promise<string> {
    this.prefix ??= this.send('HEAD', '/_ping', {}).then((response) => {
      response.resume()
      return `/v${older(String(response.headers['api-version'] ?? '1.24'), maxApiVersion)}`
    })
    return this.prefix
  }

  private send(method: Verb, path: string, { query, body, headers }: CallOptions): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const stream = body instanceof Readable ? body : undefined
      const text = stream || body === undefined ? undefined : JSON.stringify(body)
      const request = httpRequest({
        ...this.target,
        method,
        path: path + queryString(query),
        headers: {
          ...(text !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
          ...headers,
        },
      })
      request.on('error', (error) => reject(this.unreachable(error)))
      request.on('response', (response) => {
        if (response.statusCode! < 400) resolve(response)
        else failure(response).then(reject, reject)
      })
      if (stream) stream.on('error', (error) => request.destroy(error)).pipe(request)
      else request.end(text)
    })
  }

  private unreachable(error: NodeJS.ErrnoException): Error {
    if (!['ENOENT', 'ECONNREFUSED', 'EACCES'].includes(error.code ?? '')) return error
    const why = error.code === 'EACCES' ? 'permission denied' : 'is it running? Start it with `berth engine start`'
    return new ConnectionError(`Cannot connect to the Berth engine at ${this.host}: ${why}.`)
  }
}

function queryString(query: CallOptions['query'] = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((one) => search.append(key, one))
    else if (value !== undefined && value !== false && value !== '')
      search.append(key, String(value === true ? 1 : value))
  }
  return search.size ? `?${search}` : ''
}

async function failure(response: IncomingMessage): Promise<EngineError> {
  const text = (await readAll(response)).toString()
  let detail = text.trim() || `${response.statusCode} ${response.statusMessage}`
  try {
    detail = JSON.parse(text).message ?? detail
  } catch {
    // An answer without JSON is shown as it is.
  }
  return new EngineError(response.statusCode!, detail)
}

/** Reads a stream to its end. */
export async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Reads a stream of JSON values, one a line, as they come. */
export async function* readJsonLines<T>(stream: Readable): AsyncGenerator<T> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as T
  }
  if (rest.trim()) yield JSON.parse(rest) as T
}

/** Filters as `-f key=value` gives them, in the API's JSON form; undefined when there are none. */
export function filtersParam(filters: string[], extra: Record<string, string[]> = {}): string | undefined {
  const byKey: Record<string, string[]> = { ...extra }
  for (const filter of filters) {
    const at = filter.indexOf('=')
    if (at < 0)
      throw new UsageError(
        'invalid argument "' + filter + '" for "-f, --filter" flag: bad format of filter (expected name=value)',
      )
    ;(byKey[filter.slice(0, at).trim().toLowerCase()] ??= []).push(filter.slice(at + 1).trim())
  }
  return Object.keys(byKey).length ? JSON.stringify(byKey) : undefined
}
