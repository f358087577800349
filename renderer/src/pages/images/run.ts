import type { ImageInspectInfo } from 'dockerode'
import { parsePortSpecs } from '../../../../shared/ports'
import { parseBytes } from '../../../../shared/units'
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
  /** Empty: the engine's own. */
  network: string
  restart: 'no' | 'on-failure' | 'unless-stopped' | 'always'
  /** Processors, e.g. `1.5`; empty is no limit. */
  cpus: string
  /** As Docker's flags have it: `512m`; empty is no limit. */
  memory: string
  user: string
  workdir: string
  entrypoint: string
  tty: boolean
  /** It is removed when it ends. */
  autoRemove: boolean
  readOnly: boolean
}

export const emptyForm = (image: string): RunForm => ({
  image,
  name: '',
  command: '',
  ports: [],
  env: [],
  volumes: [],
  network: '',
  restart: 'no',
  cpus: '',
  memory: '',
  user: '',
  workdir: '',
  entrypoint: '',
  tty: false,
  autoRemove: false,
  readOnly: false,
})

/** The body of POST /containers/create for a form; rows that are empty are passed over. @throws {Error} on a bad port or limit */
export function createBody(form: RunForm) {
  const ports = form.ports.filter(({ container }) => container.trim())
  const { ExposedPorts, PortBindings } = parsePortSpecs(
    ports.map(({ host, container }) => `${host.trim()}:${container.trim()}`.replace(/^:/, '')),
  )
  return {
    Image: form.image,
    ...(form.command.trim() && { Cmd: splitCommand(form.command) }),
    ...(form.entrypoint.trim() && { Entrypoint: splitCommand(form.entrypoint) }),
    ...(form.user.trim() && { User: form.user.trim() }),
    ...(form.workdir.trim() && { WorkingDir: form.workdir.trim() }),
    ...(form.tty && { Tty: true, OpenStdin: true }),
    Env: form.env.filter(({ name }) => name.trim()).map(({ name, value }) => `${name.trim()}=${value}`),
    ExposedPorts,
    HostConfig: {
      PortBindings,
      Binds: form.volumes
        .filter(({ source, target }) => source.trim() && target.trim())
        .map(({ source, target }) => `${source.trim()}:${target.trim()}`),
      ...(form.network && { NetworkMode: form.network }),
      ...(form.restart !== 'no' && { RestartPolicy: { Name: form.restart } }),
      ...(form.cpus.trim() && { NanoCpus: nanoCpus(form.cpus.trim()) }),
      ...(form.memory.trim() && { Memory: parseBytes(form.memory) }),
      ...(form.autoRemove && { AutoRemove: true }),
      ...(form.readOnly && { ReadonlyRootfs: true }),
    },
  }
}

function nanoCpus(text: string): number {
  const count = Number(text)
  if (!(count > 0)) throw new Error(`Not a number of processors: ${text}`)
  return Math.round(count * 1e9)
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
