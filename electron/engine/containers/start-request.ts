import type { GuestRoot, Request } from '../../machine/contract'
import { EngineError } from '../errors'
import { blockIoOf } from './block-io'
import type { HostConfig } from './config'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { devicesFor } from './devices'
import { logOptions } from './log-options'
import { guestMounts } from './mounts'
import { legacyLinks, linkVariables } from './links'
import { runningPeer, type Joined } from './network'
import { filesOf } from './network-files'
import { specOf } from './spec'
import { isLive } from './state'
import type { ContainerStore } from './store'

/** All that the agent needs to start a container, in one request. */
export async function startRequest(
  options: ContainersOptions,
  store: ContainerStore,
  container: Container,
  root: GuestRoot,
  { network, attachments }: Joined,
): Promise<Request<'container.start'>> {
  const { id, settings } = container
  const { hostConfig, mounts } = settings
  const linked = linkVariables(container, legacyLinks(store, container, attachments))
  const config = { ...settings.config, Env: [...linked, ...(settings.config.Env ?? [])] }
  const facts = options.facts()
  const shared = options.features().hostBinds
  const devices = await devicesFor(hostConfig, shared)
  if (hostConfig.DeviceRequests?.length) throw noDriver(hostConfig.DeviceRequests[0]!)
  const blockIo = await blockIoOf(hostConfig, shared)
  const pidOf = peerOf(store, hostConfig.PidMode, 'join PID')?.pid
  const ipc = ipcPeer(store, hostConfig.IpcMode)
  const [rows, cols] = hostConfig.ConsoleSize
  return {
    id,
    root,
    spec: specOf({
      id,
      config,
      hostConfig,
      mounts,
      hostname: config.Hostname,
      facts,
      devices,
      blockIo,
      pidOf,
      ipcOf: ipc?.pid,
    }),
    user: config.User,
    groups: hostConfig.GroupAdd ?? [],
    tty: config.Tty,
    ...(config.Tty && rows > 0 && cols > 0 ? { rows, cols } : {}),
    openStdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    init: hostConfig.Init ?? false,
    log: logOptions(hostConfig.LogConfig),
    files: await filesOf({ options, store }, container, attachments),
    mounts: guestMounts(mounts, facts, (name) => options.volumes.mountOf(name)),
    ...(ipc ? { shm: { of: ipc.id } } : {}),
    ...(hostConfig.IpcMode === 'shareable' ? { shm: { size: hostConfig.ShmSize } } : {}),
    network,
  }
}

interface Peer {
  id: string
  pid: number
}

/** The running container that a mode `container:X` names. */
function peerOf(store: ContainerStore, mode: string, purpose: string): Peer | undefined {
  if (!mode.startsWith('container:')) return undefined
  const { id, state } = runningPeer(store, mode.slice('container:'.length), purpose)
  return isLive(state) ? { id, pid: state.pid } : undefined
}

function ipcPeer(store: ContainerStore, mode: string): Peer | undefined {
  const peer = peerOf(store, mode, 'join IPC')
  if (peer && store.find(peer.id).settings.hostConfig.IpcMode !== 'shareable') {
    throw new EngineError(
      'internal',
      `can't join IPC of container ${peer.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    )
  }
  return peer
}

/** No machine here has drivers for GPUs and the like. */
function noDriver({ Driver, Capabilities }: NonNullable<HostConfig['DeviceRequests']>[number]): EngineError {
  const wanted = (Capabilities ?? []).map((all) => `[${all.join(' ')}]`).join(' ')
  return new EngineError('internal', `could not select device driver "${Driver}" with capabilities: [${wanted}]`)
}
