import { existsSync } from 'node:fs'
import type { GuestFacts } from '../../machine/contract'
import { EngineError } from '../errors'
import { Container, type Settings } from './container'
import type { Config, CreateBody, Healthcheck, HostConfig } from './config'
import type { ContainersOptions } from './deps'
import { endpointsOf } from './endpoints'
import { attributesOf } from './events'
import { checkLinks } from './links'
import { mountsFor, type MountPoint } from './mounts'
import { settleLimits } from './limits'
import { checkName, newId, randomName } from './names'
import { commandOf, maskedPaths, readonlyPaths } from './spec'
import { parseSecurityOptions } from './security'
import { parseSignal } from './signals'
import { fresh } from './state'
import type { ContainerStore } from './store'
import { validate } from './validate'

/** `config` of an OCI image, as far as it shapes a container. */
export interface ImageDefaults {
  User?: string
  ExposedPorts?: Record<string, unknown>
  Env?: string[]
  Entrypoint?: string[]
  Cmd?: string[]
  Volumes?: Record<string, unknown>
  WorkingDir?: string
  Labels?: Record<string, string>
  StopSignal?: string
  Healthcheck?: Healthcheck
  Shell?: string[]
}

/**
 * Makes a container: checks the request, fills in what the image says, makes its volumes and writes its row. Nothing is
 * left behind by a failure. Throws in Docker's words: 'invalid', 'conflict' for a name that is taken, 'notFound' for an
 * image, 'unsupported' for what this engine can't do yet.
 */
export async function createContainer(
  options: ContainersOptions,
  store: ContainerStore,
  request: { name: string; platform: string | undefined; body: CreateBody },
): Promise<{ container: Container; warnings: string[] }> {
  const { hostConfig: asked, endpoints, config: given } = request.body
  const facts = options.facts()
  const id = newId()
  const name = request.name === '' ? randomName((taken) => store.isTaken(taken)) : checkName(request.name)
  validate(given, asked, facts)
  if (!given.Image) throw new EngineError('invalid', 'config cannot be empty in order to create a container')
  const image = options.images.resolve(given.Image, request.platform)
  const config = mergeImage(given, image.config)
  if (commandOf(config).length === 0) throw new EngineError('invalid', 'no command specified')
  if (config.StopSignal) parseSignal(config.StopSignal)
  const { hostConfig, warnings } = completeHostConfig(asked, facts)
  ofPeers(() => namePeers(hostConfig, store))
  ofPeers(() => checkLinks(store, hostConfig))
  const settings = ofPeers((): Settings => ({
    config: { ...config, Hostname: hostnameOf(id, config, hostConfig, facts.hostname, store) },
    hostConfig,
    endpoints: endpointsOf(hostConfig, given, endpoints, options.networks),
    mounts: mountsFor(hostConfig, Object.keys(config.Volumes ?? {}), (other) => store.find(other).settings.mounts),
  }))
  checkBinds(settings.mounts, options.features().hostBinds)
  store.reserve(name, id)
  try {
    settings.mounts = await makeVolumes(settings.mounts, options.volumes)
    const container = new Container(id, name, image.id, Date.now(), settings, fresh)
    store.insert(container)
    options.events.emit('container', 'create', id, attributesOf(container))
    return { container, warnings: [...image.warnings, ...warnings] }
  } catch (error) {
    store.release(name)
    throw error
  }
}

/**
 * A network or container that is named and not there makes the request 'invalid': clients take "not found" from create
 * for a missing image, and pull it.
 */
function ofPeers<T>(build: () => T): T {
  try {
    return build()
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== 'notFound') throw error
    throw new EngineError('invalid', error.message, { cause: error })
  }
}

/** The container's own settings over the image's, by Docker's rules (lists are replaced, maps and Env are joined). */
export function mergeImage(config: Config, image: ImageDefaults): Config {
  const own = config.Entrypoint ?? []
  // `--entrypoint ""` is sent as [""]: no entrypoint, and the image's command does not apply either.
  const cleared = own.length === 1 && own[0] === ''
  const entrypoint = cleared ? null : own.length > 0 ? own : (image.Entrypoint ?? null)
  const cmd = (config.Cmd ?? []).length > 0 || own.length > 0 ? config.Cmd : (image.Cmd ?? null)
  const names = new Set((config.Env ?? []).map((variable) => variable.split('=', 1)[0]))
  const inherited = (image.Env ?? []).filter((variable) => !names.has(variable.split('=', 1)[0]))
  const env = [...(config.Env ?? []), ...inherited]
  const exposed = { ...image.ExposedPorts, ...config.ExposedPorts }
  const volumes = { ...image.Volumes, ...config.Volumes }
  const healthcheck =
    config.Healthcheck || image.Healthcheck ? { ...image.Healthcheck, ...config.Healthcheck } : undefined
  return {
    ...config,
    User: config.User || (image.User ?? ''),
    ExposedPorts: Object.keys(exposed).length > 0 ? exposed : undefined,
    Env: env,
    Entrypoint: entrypoint,
    Cmd: cmd,
    Volumes: Object.keys(volumes).length > 0 ? volumes : null,
    WorkingDir: config.WorkingDir || (image.WorkingDir ?? ''),
    Labels: { ...image.Labels, ...config.Labels },
    StopSignal: config.StopSignal ?? image.StopSignal,
    Healthcheck: healthcheck,
    Shell: config.Shell ?? image.Shell,
  }
}

/** Fills in what dockerd decides at create, and takes out what the kernel can't do. */
function completeHostConfig(asked: HostConfig, facts: GuestFacts): { hostConfig: HostConfig; warnings: string[] } {
  const { limits: hostConfig, warnings } = settleLimits(asked, facts)
  const masks = parseSecurityOptions(asked.SecurityOpt ?? []).maskedPaths && !asked.Privileged
  hostConfig.CgroupnsMode ||= facts.cgroup === '2' && !asked.Privileged ? 'private' : 'host'
  if (asked.CgroupnsMode === 'private' && !facts.cgroupNamespaces) {
    warnings.push('Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.')
    hostConfig.CgroupnsMode = 'host'
  }
  hostConfig.MaskedPaths ??= masks ? maskedPaths : null
  hostConfig.ReadonlyPaths ??= masks ? readonlyPaths : null
  hostConfig.Runtime ||= facts.runtime
  if (facts.controls.includes('oomKillDisable')) hostConfig.OomKillDisable ??= false
  if (hostConfig.Memory > 0 && hostConfig.MemorySwap === 0) hostConfig.MemorySwap = hostConfig.Memory * 2
  const { NetworkMode: mode, PortBindings, PublishAllPorts } = hostConfig
  if (mode === 'host' && (Object.keys(PortBindings).length > 0 || PublishAllPorts)) {
    warnings.push('Published ports are discarded when using host network mode')
  }
  if (!facts.forwarding && mode !== 'host' && mode !== 'none') {
    warnings.push('IPv4 forwarding is disabled. Networking will not work.')
  }
  return { hostConfig, warnings }
}

/** Containers whose namespaces are joined stand by their ids from now on, so that they may get other names. */
function namePeers(hostConfig: HostConfig, store: ContainerStore): void {
  for (const key of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    const [, reference] = /^container:(.*)$/.exec(hostConfig[key]) ?? []
    if (reference === '') throw new EngineError('invalid', 'invalid container format container:<name|id>')
    if (reference !== undefined) hostConfig[key] = `container:${store.find(reference).id}`
  }
}

function hostnameOf(
  id: string,
  config: Config,
  hostConfig: HostConfig,
  machine: string,
  store: ContainerStore,
): string {
  const { NetworkMode: mode, UTSMode } = hostConfig
  if (mode.startsWith('container:')) return store.find(mode.slice('container:'.length)).settings.config.Hostname
  if (config.Hostname) return config.Hostname
  return mode === 'host' || UTSMode === 'host' ? machine : id.slice(0, 12)
}

function checkBinds(mounts: MountPoint[], hostBinds: boolean): void {
  for (const { type, source, create } of mounts) {
    if (type !== 'bind') continue
    if (!hostBinds) {
      throw new EngineError('unsupported', 'bind mounts of host folders are not available on the builtin machine yet')
    }
    if (!create && !existsSync(source)) {
      throw new EngineError(
        'invalid',
        `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      )
    }
  }
}

/** Makes the volumes that are not there; anonymous ones that were made are taken back when a later one fails. */
async function makeVolumes(mounts: MountPoint[], volumes: ContainersOptions['volumes']): Promise<MountPoint[]> {
  const made: string[] = []
  const ready: MountPoint[] = []
  try {
    for (const { labels, driver, driverOptions, ...mount } of mounts) {
      if (mount.type !== 'volume') {
        ready.push(mount)
        continue
      }
      const anonymous = mount.name === ''
      const volume = await volumes.ensure(mount.name!, { anonymous, labels, driver, options: driverOptions })
      if (anonymous) made.push(volume.Name)
      ready.push({ ...mount, name: volume.Name, source: volume.Mountpoint })
    }
    return ready
  } catch (error) {
    for (const name of made) await volumes.remove(name, true)
    throw error
  }
}
