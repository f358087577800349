import type { GuestRoot, Request } from '../../machine/contract'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { devicesFor } from './devices'
import { logOptions } from './log-options'
import { guestMounts } from './mounts'
import { filesOf, runningPeer, type Joined } from './network'
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
  const { config, hostConfig, mounts } = settings
  const facts = options.facts()
  const devices = await devicesFor(hostConfig, options.features().hostBinds)
  const pidOf = pidOfPeer(store, hostConfig.PidMode)
  const [rows, cols] = hostConfig.ConsoleSize
  return {
    id,
    root,
    spec: specOf({ id, config, hostConfig, mounts, hostname: config.Hostname, facts, devices, pidOf }),
    user: config.User,
    groups: hostConfig.GroupAdd ?? [],
    tty: config.Tty,
    ...(config.Tty && rows > 0 && cols > 0 ? { rows, cols } : {}),
    openStdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    init: hostConfig.Init ?? false,
    log: logOptions(hostConfig.LogConfig),
    files: filesOf(store, container, attachments, facts),
    mounts: guestMounts(mounts),
    network,
  }
}

/** The process whose PID namespace --pid container:X shares. */
function pidOfPeer(store: ContainerStore, pidMode: string): number | undefined {
  if (!pidMode.startsWith('container:')) return undefined
  const peer = runningPeer(store, pidMode.slice('container:'.length), 'join PID namespace')
  return isLive(peer.state) ? peer.state.pid : undefined
}
