import { z } from 'zod'
import { isDigest, isTag, parseReference, type Reference } from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import type { Images } from '../images/images'
import { readDocument } from '../images/oci'
import { danglingOf, listFilters } from '../images/selection'
import { progressAnswer } from './progress'
import { registryAuth, requiredRegistryAuth } from './registry-auth'
import { created, filters, flag, ok, stream, type ApiAnswer, type ApiRequest, type Route } from './http'

/** The routes of Docker's image resource. */
export function imageRoutes(images: Images): Route[] {
  return [
    [
      'POST',
      '/images/create',
      (request) => (request.query.get('fromImage') ? pull(images, request) : importImage(images, request)),
    ],
    ['POST', '/images/load', (request) => load(images, request)],
    ['GET', '/images/get', async ({ query }) => archive(images, query.getAll('names'))],
    ['GET', '/images/{name*}/get', async ({ params }) => archive(images, [params.name!])],
    [
      'GET',
      '/images/json',
      async ({ query, version }) =>
        ok(images.list(flag(query, 'all'), filters(query, listFilters), version, flag(query, 'shared-size'))),
    ],
    ['GET', '/images/{name*}/json', async ({ params, version }) => ok(images.inspect(params.name!, version))],
    ['GET', '/images/{name*}/history', async ({ params }) => ok(images.history(params.name!))],
    ['POST', '/images/prune', (request) => prune(images, request)],
    ['POST', '/images/{name*}/push', (request) => push(images, request)],
    ['POST', '/images/{name*}/tag', (request) => tag(images, request)],
    ['DELETE', '/images/{name*}', (request) => remove(images, request)],
  ]
}

async function pull(images: Images, { query, headers, signal }: ApiRequest): Promise<ApiAnswer> {
  // "pull -a" may send the name with a colon and no tag.
  const reference = named(query.get('fromImage')!.replace(/:$/, ''), query.get('tag') ?? '')
  const options = {
    platform: query.get('platform') || undefined,
    credentials: registryAuth(headers['x-registry-auth']),
  }
  return progressAnswer(signal, (onProgress) => images.pull(reference, onProgress, signal, options))
}

async function push(images: Images, { params, query, headers, signal }: ApiRequest): Promise<ApiAnswer> {
  const credentials = requiredRegistryAuth(headers['x-registry-auth'])
  const reference = named(params.name!, query.get('tag') ?? '')
  const options = { credentials, platform: platformOf(query.get('platform')) }
  return progressAnswer(signal, (onProgress) => images.push(reference, onProgress, signal, options))
}

const platformSchema = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })

/** A platform as newer calls have it, JSON of OCI's, in one word. Throws kind 'invalid'. */
function platformOf(text: string | null): string | undefined {
  if (!text) return undefined
  const { os, architecture, variant } = readDocument('platform', platformSchema, Buffer.from(text))
  return [os, architecture, ...(variant ? [variant] : [])].join('/')
}

async function importImage(images: Images, request: ApiRequest): Promise<ApiAnswer> {
  const { query, signal } = request
  const source = query.get('fromSrc')
  if (source !== '-')
    throw new EngineError('unsupported', 'import takes the archive from the client (fromSrc=-), not from a URL')
  const repository = query.get('repo')
  const options = {
    name: repository ? named(repository, query.get('tag') ?? '') : undefined,
    message: query.get('message') || 'Imported from -',
    changes: query.getAll('changes'),
    platform: query.get('platform') || undefined,
  }
  return progressAnswer(signal, async (onProgress) => {
    onProgress({ status: await images.import(body(request), options, signal) })
  })
}

async function load(images: Images, request: ApiRequest): Promise<ApiAnswer> {
  const quiet = flag(request.query, 'quiet')
  return progressAnswer(request.signal, async (onProgress) => {
    await images.load(
      body(request),
      (message) => {
        if (!quiet || message.stream) onProgress(message)
      },
      request.signal,
    )
  })
}

function archive(images: Images, names: string[]): ApiAnswer {
  if (names.length === 0) throw new EngineError('invalid', 'no images were named')
  return stream('application/x-tar', images.save(names))
}

async function prune(images: Images, { query }: ApiRequest): Promise<ApiAnswer> {
  const given = filters(query, ['dangling', 'label', 'label!', 'until'])
  const all = danglingOf(given) === false
  given.delete('dangling')
  return ok(await images.prune(all, given))
}

async function tag(images: Images, { params, query }: ApiRequest): Promise<ApiAnswer> {
  images.tag(params.name!, named(query.get('repo') ?? '', query.get('tag') ?? ''))
  return created(undefined)
}

async function remove(images: Images, { params, query }: ApiRequest): Promise<ApiAnswer> {
  return ok(await images.remove(params.name!, { force: flag(query, 'force'), prune: !flag(query, 'noprune') }))
}

/** The request's body. What is not read of it is passed over, so that the client comes to read its answer. */
async function* body({ stream }: ApiRequest): AsyncGenerator<Uint8Array> {
  try {
    yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } finally {
    stream.resume()
  }
}

/** A repository and a tag or digest, given apart. Throws kind 'invalid' in Docker's words. */
function named(repository: string, tagOrDigest: string): Reference {
  try {
    if (tagOrDigest === '') return parseReference(repository)
    const { domain, path } = parseReference(repository)
    if (!isDigest(tagOrDigest) && !isTag(tagOrDigest)) throw new Error('invalid tag format')
    return parseReference(`${domain}/${path}${isDigest(tagOrDigest) ? '@' : ':'}${tagOrDigest}`)
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}
