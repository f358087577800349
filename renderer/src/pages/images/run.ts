import type { ImageInspectInfo } from 'dockerode'
import { parsePortSpecs } from '../../../../shared/ports'
import { json, request } from '../../api/client'
import { splitCommand } from '../../lib/command'

export interface RunForm {
  image: string
  /** Empty: the engine makes one up. */
  name: string
  /** Empty: the image's own. */
  command: string
  ports: { host: string; container: string }[]
  env: { name: string; value: string }[]
  volumes: { source: string; target: string }[]
}

/** The body of POST /containers/create for a form; rows that are empty are passed over. @throws {Error} on a bad port */
export function createBody(form: RunForm) {
  const ports = form.ports.filter(({ container }) => container.trim())
  const { ExposedPorts, PortBindings } = parsePortSpecs(
    ports.map(({ host, container }) => `${host.trim()}:${container.trim()}`.replace(/^:/, '')),
  )
  return {
    Image: form.image,
    ...(form.command.trim() && { Cmd: splitCommand(form.command) }),
    Env: form.env.filter(({ name }) => name.trim()).map(({ name, value }) => `${name.trim()}=${value}`),
    ExposedPorts,
    HostConfig: {
      PortBindings,
      Binds: form.volumes
        .filter(({ source, target }) => source.trim() && target.trim())
        .map(({ source, target }) => `${source.trim()}:${target.trim()}`),
    },
  }
}

/** Creates and starts a container; one that can't be started is not left behind. Returns its id. @throws {ApiError} */
export async function runContainer(form: RunForm): Promise<string> {
  const { Id } = await json<{ Id: string }>('POST', '/containers/create', {
    query: { name: form.name.trim() || undefined },
    body: createBody(form),
  })
  try {
    await request('POST', `/containers/${Id}/start`)
  } catch (cause) {
    await request('DELETE', `/containers/${Id}`, { query: { force: 1, v: 1 } }).catch(() => undefined)
    throw cause
  }
  return Id
}

/** A row for each TCP port that the image says it listens on. */
export async function suggestedPorts(image: string): Promise<RunForm['ports']> {
  if (!image) return []
  const { Config } = await json<ImageInspectInfo>('GET', `/images/${image}/json`).catch(() => ({ Config: undefined }))
  return Object.keys(Config?.ExposedPorts ?? {})
    .filter((port) => port.endsWith('/tcp'))
    .map((port) => {
      const container = port.replace('/tcp', '')
      return { host: Number(container) < 1024 ? String(8000 + Number(container)) : container, container }
    })
}
