import { z } from 'zod'
import { EngineError } from '../errors'
import type { Credentials } from './auth'
import { readDocument } from './document'
import type { Registries } from './registries'

const nullable = <T>(schema: z.ZodType<T>, absent: T) => schema.nullish().transform((value) => value ?? absent)

const found = z.object({
  results: nullable(
    z.array(
      z.object({
        star_count: nullable(z.number(), 0),
        is_official: nullable(z.boolean(), false),
        name: z.string(),
        is_automated: nullable(z.boolean(), false),
        description: nullable(z.string(), ''),
      }),
    ),
    [],
  ),
})

export const searchFilters = ['is-automated', 'is-official', 'stars']

/** `wanted`: the filters of GET /images/search; `version`: the API's, before 1.44 there were automated builds. */
export interface SearchOptions {
  limit: number
  wanted: ReadonlyMap<string, string[]>
  credentials: Credentials | undefined
  version: number
}

/**
 * Asks Docker Hub, or the registry that the term begins with, for repositories whose name fits (the v1 index's search, as
 * dockerd does). Returns the API's own objects. Throws dockerd's `Unexpected status code 404` for a registry without it.
 */
export async function searchImages(
  registries: Registries,
  term: string,
  { limit, wanted, credentials, version }: SearchOptions,
  signal: AbortSignal,
): Promise<object[]> {
  if (term.includes('://'))
    throw new EngineError('invalid', `invalid repository name: repository name (${term}) should not contain '://'`)
  const keep = keepOf(wanted)
  const response = await registries.askIndex(term, limit, credentials, signal)
  if (response.statusCode !== 200) {
    await response.body.dump()
    throw new EngineError('internal', `Unexpected status code ${response.statusCode}`)
  }
  const { results } = await readDocument('search results', found, response)
  return results
    .map((result) => (version < 1.44 ? result : { ...result, is_automated: false }))
    .filter(keep)
    .slice(0, limit)
}

function keepOf(wanted: SearchOptions['wanted']) {
  const flag = (name: string) => {
    const value = wanted.get(name)?.[0]?.toLowerCase()
    if (value === undefined) return undefined
    if (!['1', 'true', '0', 'false'].includes(value))
      throw new EngineError('invalid', `invalid filter '${name}=[${value}]'`)
    return ['1', 'true'].includes(value)
  }
  const [official, automated] = [flag('is-official'), flag('is-automated')]
  const stars = (wanted.get('stars') ?? []).map((text) => {
    if (!/^\d+$/.test(text)) throw new EngineError('invalid', `invalid filter 'stars=[${text}]'`)
    return Number(text)
  })
  return (result: { is_official: boolean; is_automated: boolean; star_count: number }) =>
    (official === undefined || result.is_official === official) &&
    (automated === undefined || result.is_automated === automated) &&
    stars.every((least) => result.star_count >= least)
}
