import { z } from 'zod'
import { isDigest } from '../../../shared/reference'
import { EngineError, messageOf } from '../errors'
import { digestOf } from '../store/content'

/** Greatest size of a manifest, index or image config that is read into memory. */
export const maxDocument = 8 * 1024 * 1024

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

const digest = z.string().refine(isDigest, 'invalid digest')
const nullable = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined)

const descriptor = z.object({
  mediaType: nullable(z.string()),
  digest,
  size: z.number().int().nonnegative(),
  annotations: nullable(z.record(z.string(), z.string())),
  platform: nullable(z.object({ os: z.string(), architecture: z.string(), variant: nullable(z.string()) })),
})

const index = z.object({ mediaType: nullable(z.string()), manifests: z.array(descriptor) })
const manifest = z.object({ mediaType: nullable(z.string()), config: descriptor, layers: z.array(descriptor) })

const strings = nullable(z.array(z.string()))
const names = nullable(z.record(z.string(), z.unknown()))

/** `config` of an image: what a container made from it starts with. Docker's casing, as in the OCI image spec. */
const runConfig = z.object({
  User: nullable(z.string()),
  ExposedPorts: names,
  Env: strings,
  Entrypoint: strings,
  Cmd: strings,
  Volumes: names,
  WorkingDir: nullable(z.string()),
  Labels: nullable(z.record(z.string(), z.string())),
  StopSignal: nullable(z.string()),
  StopTimeout: nullable(z.number()),
  OnBuild: strings,
  Shell: strings,
  ArgsEscaped: nullable(z.boolean()),
  Healthcheck: nullable(
    z
      .object({
        Test: strings,
        Interval: nullable(z.number()),
        Timeout: nullable(z.number()),
        StartPeriod: nullable(z.number()),
        StartInterval: nullable(z.number()),
        Retries: nullable(z.number()),
      })
      .partial(),
  ),
})

const imageConfig = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: nullable(z.string()),
  created: nullable(z.string()),
  author: nullable(z.string()),
  comment: nullable(z.string()),
  docker_version: nullable(z.string()),
  config: nullable(runConfig).transform((config): ImageRunConfig => config ?? {}),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: nullable(z.array(digest)).transform((ids) => ids ?? []) }),
  history: nullable(
    z.array(
      z.object({
        created: nullable(z.string()),
        created_by: nullable(z.string()),
        author: nullable(z.string()),
        comment: nullable(z.string()),
        empty_layer: nullable(z.boolean()),
      }),
    ),
  ).transform((history) => history ?? []),
})

export type Descriptor = z.infer<typeof descriptor>
export type ImageIndex = z.infer<typeof index>
export type ImageManifest = z.infer<typeof manifest>
export type ImageRunConfig = Partial<z.infer<typeof runConfig>>
export type ImageConfig = z.infer<typeof imageConfig>

/** Reads JSON of one of the image spec's documents. Throws kind 'invalid' that names the document and what is wrong. */
export function readDocument<S extends z.ZodType>(what: string, schema: S, bytes: Buffer): z.infer<S> {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString())
  } catch (error) {
    throw new EngineError('invalid', `invalid ${what}: ${messageOf(error)}`)
  }
  const checked = schema.safeParse(parsed)
  if (checked.success) return checked.data
  const issue = checked.error.issues[0]!
  throw new EngineError('invalid', `invalid ${what}: ${issue.path.join('.')}: ${issue.message}`)
}

export const readConfig = (bytes: Buffer): ImageConfig => readDocument('image configuration', imageConfig, bytes)
export const readIndex = (bytes: Buffer): ImageIndex => readDocument('image index', index, bytes)
export const readManifest = (bytes: Buffer): ImageManifest => readDocument('image manifest', manifest, bytes)

export const isIndexType = (type: string): boolean => type === mediaTypes.ociIndex || type === mediaTypes.dockerIndex

export const isManifestType = (type: string): boolean =>
  type === mediaTypes.ociManifest || type === mediaTypes.dockerManifest

/**
 * What a manifest or index says it is. Older ones leave it to `told`, the media type that they were sent as, or else to
 * their fields. Throws kind 'invalid' when the two disagree, and for what could be read as either, which would mean
 * different things to different readers (CVE-2021-41190).
 */
export function typeOf(bytes: Buffer, told = ''): string {
  const part = z.unknown().optional()
  const kinds = z.object({ mediaType: nullable(z.string()), manifests: part, layers: part, config: part })
  const { mediaType, manifests, layers, config } = readDocument('image manifest', kinds, bytes)
  // Some registries send everything as application/json.
  const precise = isIndexType(told) || isManifestType(told) ? told : undefined
  const type = mediaType ?? precise ?? (manifests === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex)
  if (precise && type !== precise)
    throw new EngineError('invalid', `mediaType in manifest should be '${precise}' not '${type}'`)
  if (isIndexType(type) ? layers !== undefined || config !== undefined : manifests !== undefined)
    throw new EngineError('invalid', 'invalid image manifest: it is a manifest and an index at once')
  return type
}

/** The chain IDs of an image's layers, bottom first (OCI image spec, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`))
  }
  return chain
}

/** The agent's name for the layer with this chain ID: 16 hex digits. */
export const guestLayer = (chainId: string): string => chainId.slice('sha256:'.length).slice(0, 16)
