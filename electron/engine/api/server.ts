import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { Duplex, Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import type { TlsOptions } from 'node:tls'
import { maxApiVersion, minApiVersion } from '../../../shared/version'
import { bodyOf, EngineError, statusOf } from '../errors'
import type { ApiAnswer, Handler, Route } from './http'
import { readJson } from './json'
import { handshake, WebSocketStream } from './websocket'

/** The first byte of a TLS handshake's record. */
const tlsHandshake = 22
/** Milliseconds that a client may be silent before its handshake, as node's TLS server allows for the whole of it. */
const firstByteTimeout = 120_000

interface CompiledRoute {
  method: string
  pattern: RegExp
  handler: Handler
}

export interface ApiServerOptions {
  routes: readonly Route[]
  /** Sent with every answer, as dockerd does: Api-Version, Server, Ostype and so on. */
  headers: Record<string, string>
  /** Called with what goes wrong on our side (status 500 and above). */
  onError: (error: unknown, request: string) => void
}

/**
 * The HTTP server of the Docker Engine API: version prefixes, routing, errors as `{message}`, hijacked connections. With
 * `tls` it speaks HTTPS.
 */
export function createApiServer(options: ApiServerOptions, tls?: TlsOptions): Server {
  const routes = options.routes.map(compile)

  async function respond(message: IncomingMessage, reply: Reply): Promise<void> {
    const request = `${message.method} ${message.url}`
    try {
      const answer = await dispatch(routes, message, reply)
      if (answer) await reply.send(answer)
    } catch (error) {
      const status = statusOf(error)
      if (status >= 500) options.onError(error, request)
      await reply.fail(status, bodyOf(error))
    }
  }

  const listener: RequestListener = (message, response) =>
    void respond(message, new HttpReply(message, response, options.headers))
  // A client that ends its input goes on reading: node's HTTP server allows that by itself, its HTTPS server when told to.
  const server = tls
    ? tellingPlainClients(createTlsServer({ ...tls, allowHalfOpen: true }, listener))
    : createServer(listener)
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    void respond(message, new UpgradeReply(message, socket, head, options.headers))
  })
  // Log, event and attach streams stay silent for as long as there is nothing to tell.
  server.requestTimeout = 0
  server.headersTimeout = 60_000
  server.keepAliveTimeout = 60_000
  return server
}

/** Answers who speaks plain HTTP to an HTTPS server in dockerd's words, instead of cutting the connection. */
function tellingPlainClients(server: TlsServer): TlsServer {
  const handshakes = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const drop = () => socket.destroy()
    socket.on('error', drop).setTimeout(firstByteTimeout, drop)
    socket.once('readable', () => {
      socket.setTimeout(0).off('timeout', drop)
      const head = socket.read() as Buffer | null
      if (head && head[0] !== tlsHandshake) {
        socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n')
        return
      }
      if (head) socket.unshift(head)
      for (const handshake of handshakes) handshake.call(server, socket)
    })
  })
  return server
}

function compile([method, path, handler]: Route): CompiledRoute {
  const pattern = path.replace(
    /\{(\w+)(\*?)\}/g,
    (_, name: string, deep: string) => `(?<${name}>${deep ? '.+' : '[^/]+'})`,
  )
  return { method, pattern: new RegExp(`^${pattern}$`), handler }
}

async function dispatch(
  routes: CompiledRoute[],
  message: IncomingMessage,
  reply: Reply,
): Promise<ApiAnswer | undefined> {
  const url = new URL(message.url ?? '/', 'http://engine')
  const { version, path } = splitVersion(url.pathname)
  const methods = message.method === 'HEAD' ? ['HEAD', 'GET'] : [message.method]
  for (const method of methods) {
    for (const route of routes) {
      if (route.method !== method) continue
      const match = route.pattern.exec(path)
      if (!match) continue
      const params: Record<string, string> = {}
      for (const [name, value] of Object.entries(match.groups ?? {})) params[name] = decode(value)
      return route.handler({
        params,
        query: url.searchParams,
        headers: message.headers,
        version,
        signal: reply.signal,
        stream: reply.body,
        json: (schema) => readJson(reply.body, message.headers['content-type'], schema),
        hijack: (contentType) => reply.hijack(contentType),
        webSocket: () => reply.webSocket(),
      })
    }
  }
  throw new EngineError('notFound', 'page not found')
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new EngineError('invalid', `malformed path segment: ${part}`)
  }
}

function splitVersion(pathname: string): { version: number; path: string } {
  const match = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(pathname)
  if (!match) return { version: number(maxApiVersion), path: pathname }
  const asked = `${match[1]}.${match[2]}`
  const version = number(asked)
  if (version > number(maxApiVersion)) {
    throw new EngineError(
      'invalid',
      `client version ${asked} is too new. Maximum supported API version is ${maxApiVersion}`,
    )
  }
  if (version < number(minApiVersion)) {
    throw new EngineError(
      'invalid',
      `client version ${asked} is too old. Minimum supported API version is ${minApiVersion}, ` +
        'please upgrade your client to a newer version',
    )
  }
  return { version, path: match[3]! }
}

const number = (version: string): number => Number(version)

/** Where an answer goes: a plain HTTP response, or a connection whose client asked to upgrade it. */
interface Reply {
  readonly signal: AbortSignal
  readonly body: Readable
  hijack(contentType: string): Promise<Duplex>
  webSocket(): Duplex
  send(answer: ApiAnswer): Promise<void>
  fail(status: number, body: object): Promise<void>
}

class HttpReply implements Reply {
  readonly signal: AbortSignal
  readonly body: Readable
  private hijacked = false

  constructor(
    message: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly headers: Record<string, string>,
  ) {
    const abort = new AbortController()
    response.on('close', () => {
      if (!response.writableFinished) abort.abort()
    })
    this.signal = abort.signal
    this.body = message
  }

  async hijack(contentType: string): Promise<Duplex> {
    this.hijacked = true
    this.response.writeHead(200, { ...this.headers, 'Content-Type': contentType })
    this.response.flushHeaders()
    return Duplex.from({ readable: this.body, writable: this.response })
  }

  webSocket(): Duplex {
    throw new EngineError('invalid', 'websocket: the client is not using the websocket protocol')
  }

  async send({ status, headers, body }: ApiAnswer): Promise<void> {
    const all = { ...this.headers, ...headers }
    if (body instanceof Readable) {
      this.response.writeHead(status, all)
      this.response.flushHeaders()
      // The status is out: what fails now can only cut the answer short, which the client sees as an early end.
      await pipeline(body, this.response).catch(() => this.response.destroy())
      return
    }
    if (body === undefined) {
      this.response.writeHead(status, all).end()
      return
    }
    const text = typeof body === 'string' ? body : JSON.stringify(body) + '\n'
    const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
    this.response
      .writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), ...all })
      .end(text)
  }

  async fail(status: number, body: object): Promise<void> {
    if (this.hijacked || this.response.headersSent) this.response.destroy()
    else await this.send({ status, body: status === 304 ? undefined : body })
  }
}

class UpgradeReply implements Reply {
  readonly signal: AbortSignal
  readonly body: Readable
  private hijacked = false

  constructor(
    private readonly message: IncomingMessage,
    private readonly socket: Duplex,
    head: Buffer,
    private readonly headers: Record<string, string>,
  ) {
    const abort = new AbortController()
    socket.on('close', () => abort.abort())
    socket.on('error', () => abort.abort())
    this.signal = abort.signal
    if (head.length > 0) socket.unshift(head)
    // The HTTP parser lets go of an upgraded connection at the end of its headers; the body is still to be read.
    this.body = Readable.from(readExactly(socket, Number(message.headers['content-length'] ?? 0)))
  }

  async hijack(contentType: string): Promise<Duplex> {
    this.hijacked = true
    // Some clients (dockerode) send the query as a body too: it is not the start of what follows.
    if (!this.body.readableEnded) await finished(this.body.resume())
    const lines = Object.entries({
      ...this.headers,
      'Content-Type': contentType,
      Connection: 'Upgrade',
      Upgrade: 'tcp',
    })
    this.socket.write(`HTTP/1.1 101 UPGRADED\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    return this.socket
  }

  webSocket(): Duplex {
    const lines = { ...this.headers, ...handshake(this.message.headers) }
    this.hijacked = true
    const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
    this.socket.write(`HTTP/1.1 101 Switching Protocols\r\n${text.join('')}\r\n`)
    return new WebSocketStream(this.socket)
  }

  async send({ status, headers, body }: ApiAnswer): Promise<void> {
    const text = body === undefined ? '' : JSON.stringify(body) + '\n'
    const lines = Object.entries({
      ...this.headers,
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(text)),
      Connection: 'close',
      ...headers,
    })
    this.socket.end(
      `HTTP/1.1 ${status} \r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
    )
  }

  async fail(status: number, body: object): Promise<void> {
    if (this.hijacked) this.socket.destroy()
    else await this.send({ status, body })
  }
}

async function* readExactly(socket: Duplex, length: number): AsyncGenerator<Buffer> {
  while (length > 0) {
    const chunk = (socket.read() ?? (await nextChunk(socket))) as Buffer | null
    if (chunk === null) return
    if (chunk.length > length) socket.unshift(chunk.subarray(length))
    const part = chunk.subarray(0, length)
    length -= part.length
    yield part
  }
}

function nextChunk(socket: Duplex): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const finish = () => {
      socket.off('readable', finish).off('end', finish).off('close', finish)
      resolve(socket.read() as Buffer | null)
    }
    socket.on('readable', finish).on('end', finish).on('close', finish)
  })
}
