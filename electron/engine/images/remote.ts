import type { RemoteImage, RemotePlatform } from '../../../shared/explore'
import { withDefaultTag, type Reference } from '../../../shared/reference'
import type { Credentials } from '../registry/auth'
import type { RegistryClient } from '../registry/client'
import type { Registries } from '../registry/registries'
import { digestOf } from '../store/content'
import { fetchConfig } from './manifests'
import { isIndexType, readConfig, readIndex, readManifest, typeOf } from './oci'
import { canRun, platformName, type Platform } from './platform'

const once = { attempts: 1, delay: 0 }
/** An index with more platforms than there are is not looked at to its end. */
const mostPlatforms = 40

/**
 * What a registry has under a name, without pulling it: for each platform its layers, sizes and age, and whether `machine`
 * runs it. Mirrors are asked first, as a pull asks them. Throws EngineErrors in dockerd's words.
 */
export async function exploreRemote(
  registries: Registries,
  name: Reference,
  machine: Platform,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<RemoteImage> {
  const reference = withDefaultTag(name)
  const wanted = reference.digest ?? reference.tag!
  let failure: unknown
  for (const client of await registries.forPull(reference, credentials)) {
    try {
      const { bytes } = await client.manifest(wanted, signal)
      return await describe(client, bytes, machine, signal)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

async function describe(
  client: RegistryClient,
  bytes: Buffer,
  machine: Platform,
  signal: AbortSignal,
): Promise<RemoteImage> {
  const mediaType = typeOf(bytes)
  const answer = { digest: digestOf(bytes), mediaType }
  if (!isIndexType(mediaType)) return { ...answer, platforms: [await onePlatform(client, bytes, machine, signal)] }
  // Attestations stand in an index as platforms of an unknown system.
  const real = readIndex(bytes).manifests.filter(({ platform }) => platform && platform.os !== 'unknown')
  const platforms = await Promise.all(
    real.slice(0, mostPlatforms).map(async ({ digest, platform }) => {
      const found = await onePlatform(client, (await client.manifest(digest, signal)).bytes, machine, signal)
      return { ...found, platform: platformName(platform!), runs: canRun(machine, platform!) }
    }),
  )
  return { ...answer, platforms }
}

async function onePlatform(
  client: RegistryClient,
  bytes: Buffer,
  machine: Platform,
  signal: AbortSignal,
): Promise<RemotePlatform> {
  const { config, layers } = readManifest(bytes)
  const read = readConfig(await fetchConfig(client, config, once, signal))
  return {
    platform: platformName(read),
    digest: digestOf(bytes),
    size: layers.reduce((sum, { size }) => sum + size, config.size),
    created: read.created ?? '',
    runs: canRun(machine, read),
    layers: layers.map(({ digest, size }) => ({ digest, size })),
  }
}
