import type { Builds } from '../builds/builds'
import type { Containers } from '../containers/containers'
import { listContainers } from '../containers/list'
import type { Images } from '../images/images'
import type { Volumes } from '../volumes/volumes'

export const diskUsageTypes = ['container', 'image', 'volume', 'build-cache'] as const
export type DiskUsageType = (typeof diskUsageTypes)[number]

export interface DiskUsageSources {
  containers: Containers
  images: Images
  volumes: Volumes
  builds: Pick<Builds, 'usage'>
}

/** GET /system/df: what lies on the disk and how much of it is in use, for all kinds of things or those of `types`. */
export async function diskUsage(
  { containers, images, volumes, builds }: DiskUsageSources,
  types: ReadonlySet<DiskUsageType>,
  version: number,
): Promise<Record<string, unknown>> {
  const [ofContainers, ofVolumes, ofBuilds] = await Promise.all([
    types.has('container')
      ? listContainers(containers.options, containers.store, { all: true, limit: 0, size: true, filters: new Map() })
      : null,
    types.has('volume') ? volumes.usage() : null,
    types.has('build-cache') ? builds.usage() : null,
  ])
  const ofImages = types.has('image') ? images.usage(version) : undefined
  return {
    LayersSize: ofImages?.layersSize ?? 0,
    Images: ofImages?.images ?? null,
    Containers: ofContainers,
    Volumes: ofVolumes,
    BuildCache: ofBuilds,
    ...(version < 1.42 ? { BuilderSize: ofBuilds?.reduce((sum, { Size }) => sum + Size, 0) ?? 0 } : {}),
  }
}
