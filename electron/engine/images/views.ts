import { familiarName, parseReference } from '../../../shared/reference'
import type { ImageConfig, ImageRunConfig } from './oci'
import type { ImageRow, LayerRow } from './store'

/** An image with all that its views are made of. */
export interface FullImage {
  image: ImageRow
  config: ImageConfig
  layers: readonly LayerRow[]
  /** Names in full, tags and digests. */
  references: readonly string[]
}

const isCanonical = (reference: string) => reference.includes('@')
const familiar = (reference: string) => familiarName(parseReference(reference))

export const repoTags = (references: readonly string[]) => references.filter((name) => !isCanonical(name)).map(familiar)
export const repoDigests = (references: readonly string[]) => references.filter(isCanonical).map(familiar)
export const sizeOf = (layers: readonly LayerRow[]) => layers.reduce((sum, layer) => sum + layer.size, 0)

/** When an image was created, in milliseconds since 1970; 0 when it does not tell. */
export const createdAt = (config: ImageConfig): number => Date.parse(config.created ?? '') || 0

/** GET /images/{name}/json, in the shape of API 1.47. */
export function inspectView({ image, config, layers, references }: FullImage, storageDriver: string, version: number) {
  const { config: run } = config
  const size = sizeOf(layers)
  return {
    Id: image.id,
    RepoTags: repoTags(references),
    RepoDigests: repoDigests(references),
    Parent: image.parent,
    Comment: config.comment ?? '',
    Created: config.created ?? '',
    DockerVersion: config.docker_version ?? '',
    Author: config.author ?? '',
    ...containerView(image.config),
    Config: runView(run),
    Architecture: image.architecture,
    ...(image.variant ? { Variant: image.variant } : {}),
    Os: image.os,
    Size: size,
    ...(version < 1.44 ? { VirtualSize: size } : {}),
    GraphDriver: { Data: null, Name: storageDriver },
    RootFS: { Type: 'layers', Layers: layers.map((layer) => layer.diffId) },
    Metadata: { LastTagTime: image.tagged ? new Date(image.tagged).toISOString() : '0001-01-01T00:00:00Z' },
  }
}

/** `Config` of an image, with the fields that only containers have left empty. */
function runView(run: ImageRunConfig) {
  return {
    Hostname: '',
    Domainname: '',
    User: run.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(run.ExposedPorts ? { ExposedPorts: run.ExposedPorts } : {}),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: run.Env ?? null,
    Cmd: run.Cmd ?? null,
    ...(run.Healthcheck ? { Healthcheck: run.Healthcheck } : {}),
    ...(run.ArgsEscaped ? { ArgsEscaped: true } : {}),
    Image: '',
    Volumes: run.Volumes ?? null,
    WorkingDir: run.WorkingDir ?? '',
    Entrypoint: run.Entrypoint ?? null,
    OnBuild: run.OnBuild ?? null,
    Labels: run.Labels ?? null,
    ...(run.StopSignal ? { StopSignal: run.StopSignal } : {}),
    ...(run.StopTimeout === undefined ? {} : { StopTimeout: run.StopTimeout }),
    ...(run.Shell ? { Shell: run.Shell } : {}),
  }
}

/** The container that an image was made in. dockerd tells only clients before API 1.45; docker-compose 1.29 wants it always. */
function containerView(config: Buffer) {
  const made = JSON.parse(config.toString()) as { container?: string; container_config?: ImageRunConfig }
  return { Container: made.container ?? '', ContainerConfig: runView(made.container_config ?? {}) }
}

/** One line of GET /images/json; figures that were not asked for are -1. */
export function summaryView(
  { image, config, layers, references }: FullImage,
  version: number,
  { containers = -1, shared = -1 }: { containers?: number; shared?: number } = {},
) {
  const size = sizeOf(layers)
  return {
    Containers: containers,
    Created: Math.floor(createdAt(config) / 1000),
    Id: image.id,
    Labels: config.config.Labels ?? null,
    ParentId: image.parent,
    RepoDigests: repoDigests(references),
    RepoTags: repoTags(references),
    SharedSize: shared,
    Size: size,
    ...(version < 1.44 ? { VirtualSize: size } : {}),
  }
}

/**
 * GET /images/{name}/history: the newest step first. `line` is the image and those that it was built on here, newest
 * first: only their steps are known by an id.
 */
export function historyView({ config, layers }: FullImage, line: readonly Pick<FullImage, 'image' | 'references'>[]) {
  let layer = 0
  const steps = config.history.map((step) => ({
    Comment: step.comment ?? '',
    Created: Math.floor((Date.parse(step.created ?? '') || 0) / 1000),
    CreatedBy: step.created_by ?? '',
    Id: '<missing>',
    Size: step.empty_layer ? 0 : (layers[layer++]?.size ?? 0),
    Tags: null as string[] | null,
  }))
  steps.reverse()
  for (const [at, { image, references }] of line.entries()) {
    const tags = repoTags(references)
    if (steps[at]) Object.assign(steps[at], { Id: image.id, Tags: at > 0 && tags.length === 0 ? null : tags })
  }
  return steps
}

/** How many bytes of each image lie in layers that another image has too. */
export function sharedSizes(images: readonly FullImage[]): Map<string, number> {
  const users = new Map<string, number>()
  for (const { layers } of images) for (const { chainId } of layers) users.set(chainId, (users.get(chainId) ?? 0) + 1)
  return new Map(
    images.map(({ image, layers }) => [image.id, sizeOf(layers.filter(({ chainId }) => users.get(chainId)! > 1))]),
  )
}
