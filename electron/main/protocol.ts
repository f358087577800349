import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { app, net, protocol } from 'electron'
import { parseHost } from '../../shared/paths'
import { credentialHeaders } from './credentials'
import type { EngineService } from './engine-process'
import { appOrigin, appScheme, rendererDir } from './locations'
import { sendOf } from './send'

/** Where the window finds the Docker Engine API, on its own origin: `/api/containers/json`. */
const apiPrefix = '/api/'
/** Where it sends files of this computer to the engine from: `/send/tar?path=…&to=/containers/ID/archive…`. */
const sendPrefix = '/send/'

/** Vite's server, which `npm run dev` names: the page's files come from there, with hot replacement over a web socket. */
const devServer = app.isPackaged ? undefined : process.env.ELECTRON_RENDERER_URL

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

// The terminal makes <style> elements of its own, hence 'unsafe-inline' for styles; scripts come from files alone.
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const securityHeaders = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

/** Serves the window's files and, below /api/, the engine; one origin, so that no other page can read either. */
export function setupProtocol(engine: EngineService): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: appScheme, privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } },
  ])
  void app.whenReady().then(() => {
    protocol.handle(appScheme, (request) => {
      const url = new URL(request.url)
      const origin = request.headers.get('origin')
      if (`${url.protocol}//${url.host}` !== appOrigin || (origin && origin !== appOrigin))
        return failure(403, 'Not from here')
      if (url.pathname.startsWith(apiPrefix))
        return forward(engine, request, {
          method: request.method,
          to: url.pathname.slice(apiPrefix.length - 1) + url.search,
          type: request.headers.get('content-type'),
          body: request.body ? Readable.fromWeb(request.body as never) : undefined,
        })
      if (url.pathname.startsWith(sendPrefix)) return send(engine, request, url)
      return devServer ? net.fetch(devServer + url.pathname + url.search) : serveFile(url.pathname)
    })
  })
}

function failure(status: number, message: string): Response {
  return Response.json({ message }, { status, headers: securityHeaders })
}

async function serveFile(pathname: string): Promise<Response> {
  const file = normalize(join(rendererDir, decodeURIComponent(pathname === '/' ? '/index.html' : pathname)))
  const type = contentTypes[extname(file)]
  if (!file.startsWith(rendererDir + sep) || !type) return failure(404, 'No such file')
  try {
    return new Response(await readFile(file), { headers: { ...securityHeaders, 'content-type': type } })
  } catch {
    return failure(404, 'No such file')
  }
}

async function send(engine: EngineService, request: Request, url: URL): Promise<Response> {
  try {
    const sent = await sendOf(url.pathname.slice(sendPrefix.length), url.searchParams)
    return await forward(engine, request, { ...sent, type: 'application/x-tar' })
  } catch (error) {
    return failure(400, error instanceof Error ? error.message : String(error))
  }
}

interface Forwarded {
  method: string
  /** A path of the Docker Engine API, with its query. */
  to: string
  type: string | null
  body?: Readable
}

/** Hands a request on to the engine. Both bodies are streamed; a fetch that the window aborts ends the engine's call. */
async function forward(
  engine: EngineService,
  request: Request,
  { method, to, type, body }: Forwarded,
): Promise<Response> {
  const { state } = engine
  if (state.phase !== 'running') return failure(503, 'The engine is not running')
  // Without a login that can be read, registries are asked as anybody.
  const credentials = await credentialHeaders(to).catch(() => ({}))
  return new Promise((resolve) => {
    const call = httpRequest(
      {
        ...parseHost(state.host),
        method,
        path: to,
        agent: false,
        headers: { host: 'berth', ...(type && { 'content-type': type }), ...credentials },
      },
      (response) => {
        const status = response.statusCode!
        const headers = { ...securityHeaders, 'content-type': response.headers['content-type'] ?? 'text/plain' }
        // These statuses have no body; a Response made with one throws.
        if ([101, 204, 205, 304].includes(status)) {
          response.resume()
          return resolve(new Response(null, { status: status === 101 ? 502 : status, headers }))
        }
        resolve(new Response(Readable.toWeb(response) as ReadableStream, { status, headers }))
      },
    )
    request.signal.addEventListener('abort', () => call.destroy())
    call.on('error', (error) => resolve(failure(502, `The engine did not answer: ${error.message}`)))
    if (body) pipeline(body, call).catch((error: Error) => resolve(failure(400, error.message)))
    else call.end()
  })
}
