import { EngineError } from '../errors'
import { applyChanges } from '../images/changes'
import type { Images } from '../images/images'
import type { ImageRunConfig } from '../images/oci'
import { createBody, type Config } from './config'
import type { Container } from './container'
import type { Containers } from './containers'
import { mergeImage } from './create'
import { isLive } from './state'

export interface CommitRequest {
  comment: string
  author: string
  /** Hold a running container still while its files are read. */
  pause: boolean
  /** Dockerfile instructions that change the configuration. */
  changes: string[]
  /** What the image's configuration is to have over the container's. */
  config: Config | undefined
}

/**
 * Makes an image of a container: the image that it was made from, and its writable layer. Returns the image's id. Throws
 * 'invalid' for changes that a commit can't make, 'conflict' for a container that is being removed.
 */
export async function commit(
  images: Pick<Images, 'steps'>,
  { options, lifecycle, roots }: Pick<Containers, 'options' | 'lifecycle' | 'roots'>,
  container: Container,
  { comment, author, pause, changes, config: given }: CommitRequest,
): Promise<string> {
  const { status } = container.state
  if (status === 'removing')
    throw new EngineError('conflict', `You cannot commit container ${container.id} which is being removed`)
  if (status === 'dead') throw new EngineError('conflict', `You cannot commit container ${container.id} which is Dead`)
  const own = runConfigOf(container.settings.config)
  const changed = applyChanges(given ? runConfigOf(given) : own, changes)
  const config = given ? runConfigOf(mergeImage(createBody.parse(changed).config, own)) : changed
  const hold = pause && status === 'running'
  // It may end before it is paused, and is committed all the same, as by dockerd.
  const held = hold && (await lifecycle.pause(container).then(() => true, () => false)) // prettier-ignore
  try {
    const made = options.guest().open('layer.diff', { root: await roots.of(container) })
    const step = {
      parent: container.image,
      config,
      author,
      comment,
      createdBy: (container.settings.config.Cmd ?? []).join(' '),
      container: container.id,
      containerConfig: own,
    }
    return await images.steps.addTar(step, made)
  } finally {
    // It may have ended meanwhile, by itself or by somebody's hand.
    if (held && isLive(container.state)) await lifecycle.unpause(container)
  }
}

/** What of a container's settings an image keeps. */
function runConfigOf(config: Config): ImageRunConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, StopTimeout, Shell } =
    config
  const { OnBuild, Healthcheck } = config
  return {
    ...(User ? { User } : {}),
    ...(ExposedPorts ? { ExposedPorts } : {}),
    ...(Env ? { Env } : {}),
    ...(Cmd ? { Cmd } : {}),
    ...(Healthcheck ? { Healthcheck } : {}),
    ...(Volumes ? { Volumes } : {}),
    ...(WorkingDir ? { WorkingDir } : {}),
    ...(Entrypoint ? { Entrypoint } : {}),
    ...(OnBuild ? { OnBuild } : {}),
    Labels,
    ...(StopSignal ? { StopSignal } : {}),
    ...(StopTimeout === undefined ? {} : { StopTimeout }),
    ...(Shell ? { Shell } : {}),
  }
}
