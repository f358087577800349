import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { EngineError, type ErrorKind } from '../errors'

/** What a registry refused, with the first code of its answer (OCI distribution spec, "Error Codes"). */
export class RegistryError extends EngineError {
  constructor(
    kind: ErrorKind,
    readonly code: string,
    message: string,
  ) {
    super(kind, message)
  }
}

/** A registry that could not be reached, or whose connection broke. */
export class ConnectionError extends EngineError {}

const answerSchema = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string().optional() })).min(1),
})

/** Turns a registry's refusal into dockerd's words: `manifest unknown: manifest unknown`. Reads the answer's body. */
export async function registryError(url: string, response: Dispatcher.ResponseData): Promise<RegistryError> {
  const text = await response.body.text().catch(() => '')
  const status = response.statusCode
  // A registry says so when the token that anybody can get is not enough.
  if (status === 401 && String(response.headers['www-authenticate']).includes('insufficient_scope'))
    return new RegistryError('notFound', 'DENIED', 'denied: requested access to the resource is denied')
  const answer = answerSchema.safeParse(json(text))
  if (answer.success) {
    const [{ code, message = '' }] = answer.data.errors as [{ code: string; message?: string }]
    const kind = status === 404 ? 'notFound' : 'internal'
    return new RegistryError(kind, code, `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`)
  }
  if (status === 401) return new RegistryError('internal', 'UNAUTHORIZED', 'unauthorized: authentication required')
  return new RegistryError('internal', '', `error parsing HTTP ${status} response body: ${url}: ${text.slice(0, 200)}`)
}

/** Turns a failure to reach a registry into dockerd's (Go's) words: `Get "URL": dial tcp 127.0.0.1:1: connect: …`. */
export function connectionError(url: string, error: unknown): ConnectionError {
  const { code, address, port, hostname, message } = flat(error)
  const reasons: Record<string, string> = {
    ECONNREFUSED: `dial tcp ${address}:${port}: connect: connection refused`,
    ENOTFOUND: `dial tcp: lookup ${hostname}: no such host`,
    EAI_AGAIN: `dial tcp: lookup ${hostname}: Temporary failure in name resolution`,
    ENETUNREACH: `dial tcp ${address}:${port}: connect: network is unreachable`,
    EHOSTUNREACH: `dial tcp ${address}:${port}: connect: no route to host`,
    ECONNRESET: 'read: connection reset by peer',
    UND_ERR_CONNECT_TIMEOUT: 'dial tcp: i/o timeout',
    UND_ERR_SOCKET: 'unexpected EOF',
  }
  return new ConnectionError('internal', `Get "${url}": ${reasons[code ?? ''] ?? message}`, { cause: error })
}

interface SystemError {
  code?: string
  address?: string
  port?: number
  hostname?: string
  message: string
}

/** A connection that was tried at several addresses fails with all their errors; the first one tells enough. */
function flat(error: unknown): SystemError {
  return error instanceof AggregateError && error.errors.length > 0
    ? (error.errors[0] as SystemError)
    : (error as SystemError)
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
