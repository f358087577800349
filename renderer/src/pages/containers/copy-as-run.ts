import type { ContainerInspectInfo, ImageInspectInfo } from 'dockerode'
import { json } from '../../api/client'
import { call } from '../../bridge'
import { dockerRun } from '../../lib/docker-run'
import { useNotices } from '../../stores/notices'

/** Copies the `docker run` command that would make such a container again. */
export async function copyAsRun(details: ContainerInspectInfo): Promise<void> {
  // An image that is gone gives nothing: then the command says all that the container has.
  const image = await json<ImageInspectInfo>('GET', `/images/${details.Image}/json`).catch(() => undefined)
  const command = dockerRun(details, image)
  await call('app', 'copy', command)
  useNotices().done('Copied', command.replaceAll(' \\\n ', ''))
}
