import { z } from 'zod'
import { isDigest, isTag, parseReference, type Reference } from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import type { Images } from '../images/images'
import { readDocument } from '../images/oci'
import { meter, type OnProgress, type ProgressMessage } from '../images/progress'
import { danglingOf, listFilters } from '../images/selection'
import { counted } from '../images/streams'
import type { Registries } from '../registry/registries'
import { failureMessage, progressAnswer } from './progress'
import { registryAuth, requiredRegistryAuth } from './registry-auth'
import { created, filters, flag, ok, stream, type ApiAnswer, type ApiRequest, type Route } from './http'

/** The routes of Docker's image resource. */
export function imageRoutes(images: Images, registries: Registries): Route[] {
  return [
    [
      'POST',
      '/images/create',
      (request) => (request.query.get('fromImage') ? pull(images, request) : importImage(images, registries, request)),
    ],
    ['POST', '/images/load', (request) => load(images, request)],
    ['GET', '/images/get', async ({ query }) => archive(images, query.getAll('names'), query)],
    ['GET', '/images/{name*}/get', async ({ params, query }) => archive(images, [params.name!], query)],
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
  return progressAnswer(signal, (onProgress) => images.transfers.pull(reference, onProgress, signal, options))
}

async function push(images: Images, request: ApiRequest): Promise<ApiAnswer> {
  const { params, query, signal } = request
  const credentials = await requiredRegistryAuth(request)
  const reference = named(params.name!, query.get('tag') ?? '')
  const options = { credentials, platform: platformOf(query.get('platform')) }
  return progressAnswer(signal, (onProgress) => images.transfers.push(reference, onProgress, signal, options))
}

const platformSchema = z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })

/** A platform as newer calls have it, JSON of OCI's, in one word. Throws kind 'invalid'. */
function platformOf(text: string | null): string | undefined {
  if (!text) return undefined
  const { os, architecture, variant } = readDocument('platform', platformSchema, Buffer.from(text))
  return [os, architecture, ...(variant ? [variant] : [])].join('/')
}

async function importImage(images: Images, registries: Registries, request: ApiRequest): Promise<ApiAnswer> {
  const { query, signal } = request
  const source = query.get('fromSrc') ?? ''
  const repository = query.get('repo')
  const options = {
    name: repository ? named(repository, query.get('tag') ?? '') : undefined,
    message: query.get('message') || `Imported from ${source}`,
    changes: query.getAll('changes'),
    platform: query.get('platform') || undefined,
  }
  return progressAnswer(signal, async (onProgress) => {
    const archive = source === '-' ? body(request) : await fetchArchive(registries, source, onProgress, signal)
    onProgress({ status: await images.archives.import(archive, options, signal) })
  })
}

/** The archive behind a URL, with the progress of its download. Throws in dockerd's words. */
async function fetchArchive(registries: Registries, source: string, onProgress: OnProgress, signal: AbortSignal) {
  const url = source.includes('://') ? source : `http://${source}`
  const { length, body: archive } = await registries.download(url, signal)
  onProgress({ status: `Downloading from ${url}` })
  return counted(archive, meter(onProgress, 'Importing', '', length))
}

async function load(images: Images, request: ApiRequest): Promise<ApiAnswer> {
  const { query, signal } = request
  const quiet = flag(query, 'quiet', true)
  const platform = platformOf(query.get('platform'))
  return progressAnswer(signal, async (tell) => {
    const tellMore = (message: ProgressMessage) => {
      if (!quiet || message.stream) void tell(message)
    }
    // dockerd answers 200 whatever comes of it.
    await images.archives.load(body(request), tellMore, signal, platform).catch((error: unknown) => {
      if (!signal.aborted) void tell(failureMessage(error))
    })
  })
}

function archive(images: Images, names: string[], query: URLSearchParams): ApiAnswer {
  if (names.length === 0) throw new EngineError('invalid', 'no images were named')
  return stream('application/x-tar', images.archives.save(names, platformOf(query.get('platform'))))
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
