import { Readable, type Duplex } from 'node:stream'
import type { z } from 'zod'
import { EngineError } from '../errors'

/** One request as a handler sees it. */
export interface ApiRequest {
  /** The named parts of the route's path, decoded. */
  params: Record<string, string>
  query: URLSearchParams
  headers: NodeJS.Dict<string | string[]>
  /** The API version that the client asked for, e.g. 1.47; the newest when it named none. */
  version: number
  /** Aborted when the client goes away before the answer is whole. */
  signal: AbortSignal
  /** The raw body. */
  stream: Readable
  /** The body as JSON, checked by the schema; an absent body is `{}`. Rejects with kind 'invalid'. */
  json<S extends z.ZodType>(schema: S): Promise<z.infer<S>>
  /** Takes the connection over (Docker's "hijack"): what is written goes to the client as it is. */
  hijack(contentType: string): Promise<Duplex>
  /** Accepts a WebSocket handshake: what is written goes out as binary messages. Throws 'invalid' when there was none. */
  webSocket(): Duplex
}

/** What a handler answers; `undefined` after a hijack. A Readable body is streamed, anything else is sent as JSON. */
export interface ApiAnswer {
  status: number
  headers?: Record<string, string>
  body?: unknown
}

export type Handler = (request: ApiRequest) => Promise<ApiAnswer | undefined>

/** One line of a route table: `['GET', '/containers/{id}/json', handler]`; `{name*}` also matches slashes. */
export type Route = readonly [method: string, path: string, handler: Handler]

export const ok = (body: unknown): ApiAnswer => ({ status: 200, body })
export const created = (body: unknown): ApiAnswer => ({ status: 201, body })
export const noContent = (): ApiAnswer => ({ status: 204 })
export const stream = (contentType: string, body: Readable): ApiAnswer => ({
  status: 200,
  headers: { 'Content-Type': contentType },
  body,
})

/** Docker's booleans in a query: absent, empty, "0" and "false" are false. */
export function flag(query: URLSearchParams, name: string, absent = false): boolean {
  const value = query.get(name)
  if (value === null) return absent
  return !['', '0', 'false', 'no', 'none'].includes(value.toLowerCase().trim())
}

/** An integer of a query, or `absent`. Throws kind 'invalid' in Go's words for anything else. */
export function integer(query: URLSearchParams, name: string, absent: number): number {
  const value = query.get(name)
  if (value === null || value === '') return absent
  if (!/^-?\d+$/.test(value)) throw new EngineError('invalid', `strconv.Atoi: parsing "${value}": invalid syntax`)
  return Number(value)
}

/** The `filters` of a list call: name -> values. Throws kind 'invalid' for a malformed or an unknown filter. */
export function filters(query: URLSearchParams, allowed: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const text = query.get('filters')
  if (!text) return found
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new EngineError('invalid', `invalid filter: ${(error as Error).message}`)
  }
  if (typeof parsed !== 'object' || parsed === null) throw new EngineError('invalid', 'invalid filter')
  for (const [name, given] of Object.entries(parsed)) {
    if (!allowed.includes(name)) throw new EngineError('invalid', `invalid filter '${name}'`)
    // Clients before API 1.22 send a list, later ones a map from value to true.
    const values = Array.isArray(given) ? given.map(String) : Object.keys(given as object)
    if (values.length > 0) found.set(name, values)
  }
  return found
}

/** Whether labels satisfy every `KEY` or `KEY=VALUE` of a label filter. */
export function matchesLabels(labels: Record<string, string>, wanted: string[] | undefined): boolean {
  return (wanted ?? []).every((want) => {
    const at = want.indexOf('=')
    return at < 0 ? want in labels : labels[want.slice(0, at)] === want.slice(at + 1)
  })
}
