import { parsePortRange, parsePortSpecs } from '../../shared/ports'
import { parseBytes, parseDuration } from '../../shared/units'
import type { containerFlags } from './container-flags'
import type { Flags } from './flags'
import { parseMount, parseVolume } from './mounts'

/** `detach`: nobody is attached at first. */
export type ContainerFlags = Flags<typeof containerFlags> & { detach?: boolean }

/** What the options are read against: our environment, our folder, and the files that they name. */
export interface Surroundings {
  env: Record<string, string | undefined>
  cwd: string
  readText: (path: string) => string
}

/** `a=b` pairs as an object; what has no `=` gets an empty value. */
const pairs = (texts: string[]) =>
  Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=')
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
    }),
  )

/** The lines of a file of settings without comments and blank ones. */
const settings = (text: string) =>
  text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line && !line.startsWith('#'))

/** The variables of `--env-file` and `--env`, in that order; a name alone takes our own value and is left out when unset. */
export function readEnvironment(envFiles: string[], given: string[], around: Surroundings): string[] {
  return [...envFiles.flatMap((path) => settings(around.readText(path))), ...given].flatMap((text) => {
    if (text.startsWith('=') || !text) throw new Error(`invalid environment variable: ${text}`)
    if (text.includes('=')) return [text]
    return around.env[text] === undefined ? [] : [`${text}=${around.env[text]}`]
  })
}

/** `--ulimit nofile=1024:2048` in the API's form. */
function parseUlimit(text: string) {
  const [, Name, soft, hard = soft] = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? []
  if (!Name) throw new Error(`invalid ulimit argument: ${text}`)
  return { Name, Soft: Number(soft), Hard: Number(hard) }
}

/** `--restart on-failure:3` in the API's form. */
function parseRestart(text: string) {
  const [, Name, count] = /^([^:]+)(?::(\d+))?$/.exec(text) ?? []
  if (!Name) throw new Error(`invalid restart policy format: ${text}`)
  return { Name, MaximumRetryCount: Number(count ?? 0) }
}

/** `--device /dev/x[:/dev/y[:rwm]]` in the API's form. */
function parseDevice(text: string) {
  const [PathOnHost, second, third] = text.split(':')
  const onlyMode = second !== undefined && third === undefined && /^[rwm]+$/.test(second)
  return {
    PathOnHost,
    PathInContainer: (onlyMode ? undefined : second) || PathOnHost,
    CgroupPermissions: third ?? (onlyMode ? second : 'rwm'),
  }
}

function healthcheck(flags: ContainerFlags) {
  if (flags['no-healthcheck']) return { Test: ['NONE'] }
  const nanoseconds = (text?: string) => (text === undefined ? undefined : parseDuration(text) * 1e6)
  const check = {
    Test: flags['health-cmd'] === undefined ? undefined : ['CMD-SHELL', flags['health-cmd']],
    Interval: nanoseconds(flags['health-interval']),
    Timeout: nanoseconds(flags['health-timeout']),
    StartPeriod: nanoseconds(flags['health-start-period']),
    Retries: flags['health-retries'],
  }
  return Object.values(check).some((value) => value !== undefined) ? check : undefined
}

/** `--network`: its name, or `name=x,alias=y,ip=z`. */
function networking(flags: ContainerFlags) {
  const given = [...flags.network, ...flags.net].map((text) => {
    if (!text.includes('=')) return { name: text, aliases: [] as string[] }
    const parts = text.split(',').map((part) => part.split('=', 2) as [string, string])
    const value = (key: string) => parts.find(([name]) => name === key)?.[1]
    return {
      name: value('name') ?? '',
      aliases: parts.filter(([name]) => name === 'alias').map(([, alias]) => alias),
      ip: value('ip'),
      mac: value('mac-address'),
    }
  })
  const mode = given[0]?.name
  const own = ['default', 'bridge', 'host', 'none'].includes(mode ?? 'default') || mode?.startsWith('container:')
  const aliases = flags['network-alias']
  if (own && aliases.length)
    throw new Error('network-scoped alias is supported only for containers in user defined networks')
  const EndpointsConfig = Object.fromEntries(
    given.map(({ name, aliases: more, ip, mac }, i) => [
      name,
      {
        Aliases: [...more, ...(i === 0 ? aliases : [])],
        IPAMConfig: { IPv4Address: ip ?? (i === 0 ? flags.ip : undefined) },
        MacAddress: mac ?? (i === 0 ? flags['mac-address'] : undefined),
      },
    ]),
  )
  return {
    NetworkMode: mode ?? 'default',
    EndpointsConfig: own && given.length < 2 && !flags.ip && !flags['mac-address'] ? {} : EndpointsConfig,
  }
}

/**
 * The body of `POST /containers/create` (Docker Engine API) for the options and arguments of `run`. Throws with
 * Docker's words on a value that it cannot read.
 */
export function containerConfig(flags: ContainerFlags, args: string[], around: Surroundings) {
  const [Image, ...Cmd] = args
  const ports = parsePortSpecs(flags.publish)
  for (const text of flags.expose) {
    const [range = '', protocol = 'tcp'] = text.split('/')
    const [first, last] = parsePortRange(range)
    for (let port = first; port <= last; port++) ports.ExposedPorts[`${port}/${protocol}`] = {}
  }
  if (flags.rm && flags.restart && !/^(no|on-failure)/.test(flags.restart))
    throw new Error('conflicting options: cannot specify both --restart and --rm')
  const volumes = flags.volume.map((text) => parseVolume(text, around))
  const size = (text?: string) => (text === undefined ? undefined : parseBytes(text))
  const swap = flags['memory-swap']
  const { NetworkMode, EndpointsConfig } = networking(flags)
  const attach = flags.attach.map((name) => name.toLowerCase())
  const attached = (name: string, otherwise = true) =>
    !flags.detach && (attach.length ? attach.includes(name) : otherwise)
  const attachStdin = attached('stdin', flags.interactive)

  return {
    Image,
    Cmd: Cmd.length ? Cmd : undefined,
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attachStdin,
    AttachStdout: attached('stdout'),
    AttachStderr: attached('stderr'),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: attachStdin,
    Env: readEnvironment(flags['env-file'], flags.env, around),
    Entrypoint: flags.entrypoint === undefined ? undefined : [flags.entrypoint],
    WorkingDir: flags.workdir,
    Labels: pairs([...flags['label-file'].flatMap((path) => settings(around.readText(path))), ...flags.label]),
    ExposedPorts: ports.ExposedPorts,
    Volumes: Object.fromEntries(volumes.flatMap((volume) => (volume.anonymous ? [[volume.anonymous, {}]] : []))),
    StopSignal: flags['stop-signal'],
    StopTimeout: flags['stop-timeout'],
    Healthcheck: healthcheck(flags),
    HostConfig: {
      AutoRemove: flags.rm,
      Binds: volumes.flatMap((volume) => volume.bind ?? []),
      CapAdd: flags['cap-add'],
      CapDrop: flags['cap-drop'],
      CgroupnsMode: flags.cgroupns,
      CpuShares: flags['cpu-shares'],
      CpusetCpus: flags['cpuset-cpus'],
      Devices: flags.device.map(parseDevice),
      Dns: flags.dns,
      DnsOptions: flags['dns-option'],
      DnsSearch: flags['dns-search'],
      ExtraHosts: flags['add-host'].map((text) => text.replace(/^([^:=]+)=/, '$1:')),
      GroupAdd: flags['group-add'],
      Init: flags.init || undefined,
      IpcMode: flags.ipc,
      LogConfig:
        flags['log-driver'] || flags['log-opt'].length
          ? { Type: flags['log-driver'] ?? '', Config: pairs(flags['log-opt']) }
          : undefined,
      Memory: size(flags.memory),
      MemoryReservation: size(flags['memory-reservation']),
      MemorySwap: swap === '-1' ? -1 : size(swap),
      Mounts: flags.mount.map((text) => parseMount(text, around)),
      NanoCpus: flags.cpus === undefined ? undefined : parseCpus(flags.cpus),
      NetworkMode,
      OomKillDisable: flags['oom-kill-disable'] || undefined,
      OomScoreAdj: flags['oom-score-adj'],
      PidMode: flags.pid,
      PidsLimit: flags['pids-limit'],
      PortBindings: ports.PortBindings,
      Privileged: flags.privileged,
      PublishAllPorts: flags['publish-all'],
      ReadonlyRootfs: flags['read-only'],
      RestartPolicy: parseRestart(flags.restart || 'no'),
      SecurityOpt: flags['security-opt'],
      ShmSize: size(flags['shm-size']),
      Sysctls: pairs(flags.sysctl),
      Tmpfs: Object.fromEntries(
        flags.tmpfs
          .map((text) => text.split(/:(.*)/s, 2) as [string, string?])
          .map(([path, options = '']) => [path, options]),
      ),
      Ulimits: flags.ulimit.map(parseUlimit),
      UsernsMode: flags.userns,
      UTSMode: flags.uts,
      VolumesFrom: flags['volumes-from'],
    },
    NetworkingConfig: { EndpointsConfig },
  }
}

function parseCpus(text: string): number {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) throw new Error(`invalid argument "${text}" for "--cpus" flag`)
  return Math.round(Number(text) * 1e9)
}
