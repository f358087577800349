import { z } from 'zod'
import { EngineError } from '../errors'
import { maxDocument, readDocument as parse } from '../images/oci'
import type { Response } from './connections'

/** A small answer whole. Throws kind 'invalid' when it has more bytes than a document may have. */
export async function readAll({ body }: Response): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body as AsyncIterable<Uint8Array>) {
    length += part.length
    if (length > maxDocument)
      throw new EngineError('invalid', `the registry's answer has more than ${maxDocument} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** A small answer as JSON; `what` names it in errors. */
export async function readDocument<S extends z.ZodType>(what: string, schema: S, response: Response) {
  return parse(what, schema, await readAll(response))
}
