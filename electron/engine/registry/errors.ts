import { STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { EngineError, messageOf, type ErrorKind } from '../errors'

/** What a registry refused, with the first code of its answer (OCI distribution spec, "Error Codes"). */
export class RegistryError extends EngineError {
  constructor(
    kind: ErrorKind,
    readonly code: string,
    message: string,
    readonly status: number,
    /** Milliseconds after which the registry wants to be asked again (Retry-After). */
    readonly retryAfter?: number,
  ) {
    super(kind, message)
  }
}

/** A registry that could not be reached, or whose connection broke. */
export class ConnectionError extends EngineError {}

/** Nobody could prove to the registry who we are; `bare` is the reason without the request that it was asked for. */
export class AuthorizationError extends EngineError {
  constructor(
    method: string,
    url: string,
    readonly bare: string,
    options?: ErrorOptions,
  ) {
    super('internal', `${goMethod(method)} "${url}": ${bare}`, options)
  }
}

const answerSchema = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string().optional() })).min(1),
})
/** Token servers that are no registries explain themselves in one sentence. */
const detailsSchema = z.object({ details: z.string() })

/** Turns a registry's refusal into dockerd's words: `manifest unknown: manifest unknown`. Reads the answer's body. */
export async function registryError(url: string, response: Dispatcher.ResponseData): Promise<RegistryError> {
  const text = await shortText(response)
  const status = response.statusCode
  const refusal = (kind: ErrorKind, code: string, message: string) =>
    new RegistryError(kind, code, message, status, retryAfter(response.headers['retry-after']))
  // A registry says so when the token that anybody can get is not enough.
  if (status === 401 && String(response.headers['www-authenticate']).includes('insufficient_scope'))
    return refusal('notFound', 'DENIED', 'denied: requested access to the resource is denied')
  if (status >= 500) return refusal('internal', '', `received unexpected HTTP status: ${statusText(status)}`)
  const answer = answerSchema.safeParse(json(text))
  if (answer.success) {
    const [{ code, message = '' }] = answer.data.errors as [{ code: string; message?: string }]
    const kind = status === 404 ? 'notFound' : 'internal'
    return refusal(kind, code, `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`)
  }
  const details = detailsSchema.safeParse(json(text))
  if (details.success) {
    const word = status === 401 ? 'unauthorized' : status === 429 ? 'toomanyrequests' : 'unknown'
    return refusal('internal', word.toUpperCase(), `${word}: ${details.data.details}`)
  }
  if (status === 401) return refusal('internal', 'UNAUTHORIZED', 'unauthorized: authentication required')
  if (status === 429) return refusal('internal', 'TOOMANYREQUESTS', `toomanyrequests: ${text || 'too many requests'}`)
  return refusal('internal', '', `error parsing HTTP ${status} response body: ${url}: ${JSON.stringify(text)}`)
}

/** Turns a failure to reach a registry into dockerd's (Go's) words: `Get "URL": dial tcp 127.0.0.1:1: connect: …`. */
export function connectionError(method: string, url: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const { code, address, port, hostname, message } = flat(error)
  const reasons: Record<string, string> = {
    ECONNREFUSED: `dial tcp ${address}:${port}: connect: connection refused`,
    ENOTFOUND: `dial tcp: lookup ${hostname}: no such host`,
    EAI_AGAIN: `dial tcp: lookup ${hostname}: Temporary failure in name resolution`,
    ENETUNREACH: `dial tcp ${address}:${port}: connect: network is unreachable`,
    EHOSTUNREACH: `dial tcp ${address}:${port}: connect: no route to host`,
    ECONNRESET: 'read: connection reset by peer',
    EPROTO: 'http: server gave HTTP response to HTTPS client',
    ERR_SSL_WRONG_VERSION_NUMBER: 'http: server gave HTTP response to HTTPS client',
    ERR_SSL_PACKET_LENGTH_TOO_LONG: 'http: server gave HTTP response to HTTPS client',
    CERT_HAS_EXPIRED: `${untrusted} certificate has expired or is not yet valid`,
    ERR_TLS_CERT_ALTNAME_INVALID: `${untrusted} ${message}`,
    UND_ERR_CONNECT_TIMEOUT: 'dial tcp: i/o timeout',
    UND_ERR_HEADERS_TIMEOUT: 'net/http: timeout awaiting response headers',
    UND_ERR_BODY_TIMEOUT: 'read: i/o timeout',
    UND_ERR_SOCKET: 'unexpected EOF',
    TimeoutError: 'context deadline exceeded',
  }
  const name = (error as Error).name
  const reason = reasons[code ?? ''] ?? reasons[name] ?? (isUnknownAuthority(code) ? unknownAuthority : message)
  return new ConnectionError('internal', `${goMethod(method)} "${url}": ${reason}`, { cause: error })
}

const untrusted = 'tls: failed to verify certificate: x509:'
const unknownAuthority = `${untrusted} certificate signed by unknown authority`
const isUnknownAuthority = (code = '') => /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)/.test(code)

const goMethod = (method: string) => method[0] + method.slice(1).toLowerCase()

/** A status as Go's `Response.Status` has it, e.g. `503 Service Unavailable`. */
export const statusText = (status: number): string => [status, STATUS_CODES[status] ?? ''].join(' ').trim()

interface SystemError {
  code?: string
  address?: string
  port?: number
  hostname?: string
  message: string
}

/** A connection that was tried at several addresses fails with all their errors; the first one tells enough. */
function flat(error: unknown): SystemError {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors[0] as SystemError
  return error instanceof Error ? (error as SystemError) : { message: messageOf(error) }
}

const longestRefusal = 64 * 1024

/** The beginning of an answer's text. A registry that never ends its refusal is not listened to. */
async function shortText({ body }: Dispatcher.ResponseData): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of body as AsyncIterable<Uint8Array>) {
      parts.push(part)
      length += part.length
      if (length > longestRefusal) break
    }
  } catch {
    // What came tells more than that the rest did not.
  }
  return Buffer.concat(parts).toString().trim()
}

/** Retry-After in milliseconds from now: seconds or a date (RFC 9110). */
function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || header === '') return undefined
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
