import type { Readable } from 'node:stream'
import { z } from 'zod'
import { EngineError, messageOf } from '../errors'

const maxJsonBody = 16 * 1024 * 1024

/** A request's body as JSON, checked by a schema; an empty one is `{}`. Rejects with kind 'invalid'. */
export async function readJson<S extends z.ZodType>(
  body: Readable,
  contentType: string | undefined,
  schema: S,
): Promise<z.infer<S>> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of body) {
    parts.push(part as Buffer)
    length += (part as Buffer).length
    if (length > maxJsonBody) throw new EngineError('invalid', 'request body too large')
  }
  const text = Buffer.concat(parts).toString()
  const type = contentType?.split(';')[0]!.trim().toLowerCase()
  if (type ? type !== 'application/json' : length > 0)
    throw new EngineError(
      'invalid',
      `unsupported Content-Type header (${contentType ?? ''}): must be 'application/json'`,
    )
  let parsed: unknown
  try {
    parsed = text.trim() === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw new EngineError('invalid', `invalid JSON: ${messageOf(error)}`)
  }
  const checked = schema.safeParse(inSchemasCase(schema, parsed))
  if (checked.success) return checked.data
  const issue = checked.error.issues[0]!
  throw new EngineError('invalid', `invalid request body: ${issue.path.join('.')}: ${issue.message}`)
}

/**
 * The value with the keys of its objects written as the schema writes them. Go takes JSON keys in any case, and clients
 * use it: docker-py sends `detachKeys`. An exact key goes before one in another case; keys of maps stay as they are.
 */
export function inSchemasCase(schema: unknown, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const plain = withoutWrappers(schema)
  if (plain instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => inSchemasCase(plain.element, item))
  }
  if (!(plain instanceof z.ZodObject) || Array.isArray(value)) return value
  const shape = plain.shape as Record<string, unknown>
  const known = new Map(Object.keys(shape).map((key) => [key.toLowerCase(), key]))
  const renamed: Record<string, unknown> = {}
  for (const [given, inner] of Object.entries(value)) {
    const key = Object.hasOwn(shape, given) ? given : (known.get(given.toLowerCase()) ?? given)
    if (key !== given && Object.hasOwn(value, key)) continue
    renamed[key] = inSchemasCase(shape[key], inner)
  }
  return renamed
}

/** What lies within optional(), nullish(), default() and transform(). */
function withoutWrappers(schema: unknown): unknown {
  let inner = schema
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner.in
    else if (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault)
      inner = inner.unwrap()
    else return inner
  }
}
