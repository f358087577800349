import { initLayerId } from '../images/layers'
import type { Attachment } from '../networks/attachment'
import type { Container, Endpoint } from './container'
import type { ContainersOptions } from './deps'
import { showLinks } from './links'
import { sizesOf } from './list'
import { showMounts } from './mounts'
import { commandOf } from './spec'
import { isLive, showState } from './state'

/** GET /containers/{id}/json, the shape of API 1.47. */
export async function inspectContainer(
  options: ContainersOptions,
  container: Container,
  { size, execIds }: { size: boolean; execIds: string[] },
): Promise<Record<string, unknown>> {
  const { id, name, image, created, settings, state, restartCount } = container
  const { config, hostConfig, mounts } = settings
  const command = commandOf(config)
  return {
    Id: id,
    Created: new Date(created).toISOString(),
    Path: command[0],
    Args: command.slice(1),
    State: showState(state, container.health),
    Image: image,
    ...filePaths(container, options.facts().root),
    LogPath: '',
    Name: `/${name}`,
    RestartCount: restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: { ...hostConfig, Links: showLinks(container), Runtime: hostConfig.Runtime || options.facts().runtime },
    GraphDriver: { Name: 'overlay2', Data: layerPaths(container, options) },
    ...(size ? (await sizesOf(options, [container])).get(id) : {}),
    Mounts: showMounts(mounts, hostConfig.Tmpfs ?? {}),
    Config: config,
    NetworkSettings: showNetworks(container),
  }
}

/** Where the files of /etc lie in the guest that every start writes; see filesOf for their order. */
function filePaths({ id, settings: { hostConfig, mounts } }: Container, root: string): Record<string, string> {
  const own = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'].filter(
    (path) => !mounts.some(({ destination }) => destination === path),
  )
  const at = (path: string) => {
    const index = own.indexOf(path)
    return index < 0 || hostConfig.NetworkMode.startsWith('container:') ? '' : `${root}/containers/${id}/files/${index}`
  }
  return { ResolvConfPath: at('/etc/resolv.conf'), HostnamePath: at('/etc/hostname'), HostsPath: at('/etc/hosts') }
}

/** The parts of the container's overlay, as paths in the guest. */
function layerPaths({ id, image }: Container, { images, facts }: ContainersOptions): Record<string, string> {
  const { root } = facts()
  const layers = [initLayerId, ...images.layerIds(image)]
  const own = `${root}/containers/${id}`
  return {
    LowerDir: layers.map((layer) => `${root}/layers/${layer}`).join(':'),
    MergedDir: `${own}/merged`,
    UpperDir: `${own}/upper`,
    WorkDir: `${own}/work`,
  }
}

function showNetworks(container: Container): Record<string, unknown> {
  const networks = showEndpoints(container)
  const first = networks.bridge ?? showEndpoint(undefined, undefined)
  return {
    Bridge: '',
    ...sandbox(container),
    Ports: showPorts(container),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: first.EndpointID,
    Gateway: first.Gateway,
    GlobalIPv6Address: first.GlobalIPv6Address,
    GlobalIPv6PrefixLen: first.GlobalIPv6PrefixLen,
    IPAddress: first.IPAddress,
    IPPrefixLen: first.IPPrefixLen,
    IPv6Gateway: first.IPv6Gateway,
    MacAddress: first.MacAddress,
    Networks: networks,
  }
}

/** The network namespace while there is one, as a path in the guest; a container in another's has none of its own. */
function sandbox({ id, settings, state }: Container): { SandboxID: string; SandboxKey: string } {
  if (!isLive(state) || settings.hostConfig.NetworkMode.startsWith('container:'))
    return { SandboxID: '', SandboxKey: '' }
  return { SandboxID: id, SandboxKey: `/proc/${state.pid}/ns/net` }
}

type ShownEndpoint = ReturnType<typeof showEndpoint>

/** `NetworkSettings.Networks`: by name; the addresses are there while it runs. */
export function showEndpoints({ settings, state }: Container): Record<string, ShownEndpoint> {
  const attachments = isLive(state) ? state.attachments : []
  const shown: Record<string, ShownEndpoint> = {}
  for (const [name, endpoint] of Object.entries(settings.endpoints)) {
    shown[name] = showEndpoint(
      endpoint,
      attachments.find((attachment) => attachment.name === name),
    )
  }
  return shown
}

function showEndpoint(settings: Endpoint | undefined, attachment: Attachment | undefined) {
  return {
    IPAMConfig: settings?.IPAMConfig ?? null,
    Links: settings?.Links ?? null,
    Aliases: settings?.Aliases ?? null,
    MacAddress: attachment?.mac ?? settings?.MacAddress ?? '',
    DriverOpts: settings?.DriverOpts ?? null,
    GwPriority: settings?.GwPriority ?? 0,
    NetworkID: settings?.NetworkID ?? '',
    EndpointID: attachment?.endpointId ?? '',
    Gateway: attachment?.gateway ?? '',
    IPAddress: attachment?.address ?? '',
    IPPrefixLen: attachment?.prefixLength ?? 0,
    IPv6Gateway: attachment?.gateway6 ?? '',
    GlobalIPv6Address: attachment?.address6 ?? '',
    GlobalIPv6PrefixLen: attachment?.prefixLength6 ?? 0,
    DNSNames: attachment?.userDefined ? attachment.dnsNames : null,
  }
}

/** `NetworkSettings.Ports`: exposed ones as null, published ones with where they are. */
function showPorts({ settings, state }: Container): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const shown: Record<string, { HostIp: string; HostPort: string }[] | null> = {}
  if (!isLive(state)) return shown
  for (const key of Object.keys(settings.config.ExposedPorts ?? {}))
    shown[key.includes('/') ? key : `${key}/tcp`] = null
  for (const { hostIp, hostPort, containerPort, protocol } of state.ports) {
    const key = `${containerPort}/${protocol}`
    shown[key] = [...(shown[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }]
  }
  return shown
}
