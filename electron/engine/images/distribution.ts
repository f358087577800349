import { withDefaultTag, type Reference } from '../../../shared/reference'
import type { Credentials } from '../registry/auth'
import type { Registries } from '../registry/registries'
import { digestOf } from '../store/content'
import { fetchConfig } from './manifests'
import { isIndexType, readConfig, readIndex, readManifest, typeOf } from './oci'

const once = { attempts: 1, delay: 0 }

/**
 * GET /distribution/{name}/json: what a registry has under a name, and for which platforms, without pulling it. Throws
 * EngineErrors in dockerd's words.
 */
export async function describeRemote(
  registries: Registries,
  name: Reference,
  credentials: Credentials | undefined,
  signal: AbortSignal,
) {
  const reference = withDefaultTag(name)
  const client = await registries.forPush(reference, credentials)
  const { bytes } = await client.manifest(reference.digest ?? reference.tag!, signal)
  const mediaType = typeOf(bytes)
  const Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
  const platforms = isIndexType(mediaType)
    ? readIndex(bytes).manifests.map(({ platform }) => platform)
    : [readConfig(await fetchConfig(client, readManifest(bytes).config, once, signal))]
  return {
    Descriptor,
    Platforms: platforms
      .filter((platform) => platform !== undefined)
      .map(({ architecture, os, variant }) => ({ architecture, os, ...(variant ? { variant } : {}) })),
  }
}
