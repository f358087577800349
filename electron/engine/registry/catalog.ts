import { z } from 'zod'
import type { RegistryCatalog } from '../../../shared/explore'
import { readDocument } from './document'
import { RegistryError } from './errors'
import type { RegistrySession } from './session'

const schema = z.object({ repositories: z.array(z.string()).nullish() })

/** More pages than a person looks through; a registry that never ends is not listened to. */
const maxPages = 100
const pageSize = 1000

/** What a registry says it has (OCI distribution spec's predecessor, "Listing Repositories"); many say nothing. */
export async function readCatalog(session: RegistrySession, signal?: AbortSignal): Promise<RegistryCatalog> {
  const repositories: string[] = []
  const call = { headers: { accept: 'application/json' }, scopes: ['registry:catalog:*'], signal }
  try {
    let next: string | undefined = `/v2/_catalog?n=${pageSize}`
    for (let page = 0; next !== undefined && page < maxPages; page++) {
      next = await session.document<string | undefined>(next, call, async (response) => {
        repositories.push(...((await readDocument('catalog', schema, response)).repositories ?? []))
        return /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers.link ?? ''))?.[1]
      })
    }
  } catch (error) {
    // A registry without a list answers with one of these; who may not see it is told so.
    if (error instanceof RegistryError && [404, 405].includes(error.status))
      return { supported: false, repositories: [] }
    throw error
  }
  return { supported: true, repositories }
}
