import { Readable } from 'node:stream'
import { parseReference, type Reference } from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import type { Images } from '../images/images'
import { exploreRemote } from '../images/remote'
import type { Registries } from '../registry/registries'
import { ok, stream, type ApiRequest, type Route } from './http'
import { registryAuth } from './registry-auth'

/** A look into images and registries that Docker has no route for (shared/explore.ts). `arch` is the machine's. */
export function exploreRoutes(images: Images, registries: Registries, arch: () => string): Route[] {
  return [
    [
      'GET',
      '/berth/images/{name*}/layers/{diffId}/files',
      async ({ params }) =>
        stream('application/x-ndjson', Readable.from(lines(images.layerFiles(params.name!, params.diffId!)))),
    ],
    [
      'GET',
      '/berth/registry/catalog',
      async ({ query, headers, signal }) =>
        ok(await registries.catalog(query.get('registry') ?? '', registryAuth(headers['x-registry-auth']), signal)),
    ],
    [
      'GET',
      '/berth/registry/tags',
      async (request) => {
        const client = await registries.forPush(named(request), registryAuth(request.headers['x-registry-auth']))
        return ok({ tags: await client.tags(request.signal) })
      },
    ],
    [
      'GET',
      '/berth/registry/image',
      async (request) => {
        const credentials = registryAuth(request.headers['x-registry-auth'])
        const machine = { os: 'linux', architecture: arch() }
        return ok(await exploreRemote(registries, named(request), machine, credentials, request.signal))
      },
    ],
  ]
}

async function* lines(values: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`
}

function named({ query }: ApiRequest): Reference {
  try {
    return parseReference(query.get('name') ?? '')
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}
