import { z } from 'zod'

/**
 * The body of POST /containers/create as API 1.47 has it, in the form that inspect echoes: what a client leaves out
 * gets dockerd's default. Keys that are not named here are not Docker's for Linux and are passed over.
 */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
const number = z
  .number()
  .int()
  .nullish()
  .transform((value) => value ?? 0)
const boolean = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
const list = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? null)
const emptyList = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? [])
const strings = z.record(z.string(), z.string())
const set = z.record(z.string(), z.unknown())
/** `Cmd` and `Entrypoint` may be one string, which is then the only word. */
const words = z.union([z.string().transform((word) => [word]), z.array(z.string())]).nullish()
/** Present only when it was given. */
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined)
/** Always echoed, as null when it was not given. */
const orNull = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? null)

/** A key that may be missing, and is null from clients that name every key (docker-compose 1). */
const absent = <T extends z.ZodType>(type: T) => optional(type).optional()

const health = z.object({
  Test: absent(z.array(z.string())),
  Interval: absent(z.number()),
  Timeout: absent(z.number()),
  StartPeriod: absent(z.number()),
  StartInterval: absent(z.number()),
  Retries: absent(z.number()),
})

const configShape = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: boolean,
  AttachStdout: boolean,
  AttachStderr: boolean,
  ExposedPorts: optional(set),
  Tty: boolean,
  OpenStdin: boolean,
  StdinOnce: boolean,
  Env: list,
  Cmd: words.transform((value) => value ?? null),
  Healthcheck: optional(health),
  Image: text,
  Volumes: orNull(set),
  WorkingDir: text,
  Entrypoint: words.transform((value) => value ?? null),
  NetworkDisabled: optional(z.boolean()),
  MacAddress: optional(z.string()),
  OnBuild: list,
  Labels: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
  StopSignal: optional(z.string()),
  StopTimeout: optional(z.number().int()),
  Shell: optional(z.array(z.string())),
}

const mountRequest = z.object({
  Type: text,
  Source: optional(z.string()),
  Target: text,
  ReadOnly: optional(z.boolean()),
  Consistency: optional(z.string()),
  BindOptions: optional(
    z.object({
      Propagation: optional(z.string()),
      NonRecursive: optional(z.boolean()),
      CreateMountpoint: optional(z.boolean()),
      ReadOnlyNonRecursive: optional(z.boolean()),
      ReadOnlyForceRecursive: optional(z.boolean()),
    }),
  ),
  VolumeOptions: optional(
    z.object({
      NoCopy: optional(z.boolean()),
      Labels: optional(strings),
      Subpath: optional(z.string()),
      DriverConfig: optional(z.object({ Name: optional(z.string()), Options: optional(strings) })),
    }),
  ),
  TmpfsOptions: optional(
    z.object({
      SizeBytes: optional(z.number()),
      Mode: optional(z.number()),
      Options: optional(z.array(z.array(z.string()))),
    }),
  ),
})

const portBinding = z.object({ HostIp: text, HostPort: text })

const listOf = <T extends z.ZodType>(type: T) =>
  z
    .array(type)
    .nullish()
    .transform((value) => value ?? null)
const throttle = listOf(z.object({ Path: text, Rate: number }))

/** The limits, which POST /containers/{id}/update takes too. */
const resourceShape = {
  CpuShares: number,
  Memory: number,
  NanoCpus: number,
  CgroupParent: text,
  BlkioWeight: number,
  BlkioWeightDevice: listOf(z.object({ Path: text, Weight: number })),
  BlkioDeviceReadBps: throttle,
  BlkioDeviceWriteBps: throttle,
  BlkioDeviceReadIOps: throttle,
  BlkioDeviceWriteIOps: throttle,
  CpuPeriod: number,
  CpuQuota: number,
  CpuRealtimePeriod: number,
  CpuRealtimeRuntime: number,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: z
    .array(z.object({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text }))
    .nullish()
    .transform((value) => value ?? []),
  DeviceCgroupRules: list,
  DeviceRequests: listOf(z.looseObject({ Driver: text, Capabilities: z.array(z.array(z.string())).nullish() })),
  // Gone since API 1.42; older clients send them.
  KernelMemory: optional(z.number().int()),
  KernelMemoryTCP: optional(z.number().int()),
  MemoryReservation: number,
  MemorySwap: number,
  // Clients send -1, and 0 below, for "not set".
  MemorySwappiness: orNull(z.number()).transform((value) => (value === -1 ? null : value)),
  OomKillDisable: orNull(z.boolean()),
  PidsLimit: orNull(z.number()).transform((value) => value || null),
  Ulimits: z
    .array(z.object({ Name: z.string(), Hard: number, Soft: number }))
    .nullish()
    .transform((value) => value ?? []),
  CpuCount: number,
  CpuPercent: number,
  IOMaximumIOps: number,
  IOMaximumBandwidth: number,
}

const restartPolicy = z
  .object({ Name: text, MaximumRetryCount: number })
  .nullish()
  .transform((value) => ({ Name: value?.Name || 'no', MaximumRetryCount: value?.MaximumRetryCount ?? 0 }))

const hostConfig = z.object({
  Binds: list,
  ContainerIDFile: text,
  LogConfig: z
    .object({ Type: text, Config: orNull(strings) })
    .nullish()
    .transform((value) => ({ Type: value?.Type || 'json-file', Config: value?.Config ?? {} })),
  NetworkMode: z
    .string()
    .nullish()
    .transform((value) => (!value || value === 'default' ? 'bridge' : value)),
  PortBindings: z
    .record(z.string(), z.array(portBinding).nullable())
    .nullish()
    .transform((value) => value ?? {}),
  RestartPolicy: restartPolicy,
  AutoRemove: boolean,
  VolumeDriver: text,
  VolumesFrom: list,
  ConsoleSize: z
    .tuple([z.number(), z.number()])
    .nullish()
    .transform((value): [number, number] => value ?? [0, 0]),
  Annotations: optional(strings),
  CapAdd: list,
  CapDrop: list,
  CgroupnsMode: text,
  Dns: emptyList,
  DnsOptions: emptyList,
  DnsSearch: emptyList,
  ExtraHosts: list,
  GroupAdd: list,
  IpcMode: text.transform((value) => value || 'private'),
  Cgroup: text,
  Links: list,
  OomScoreAdj: number,
  PidMode: text,
  Privileged: boolean,
  PublishAllPorts: boolean,
  ReadonlyRootfs: boolean,
  SecurityOpt: list,
  StorageOpt: optional(strings),
  Tmpfs: optional(strings),
  UTSMode: text,
  UsernsMode: text,
  ShmSize: number.transform((value) => value || 64 * 1024 * 1024),
  Sysctls: optional(strings),
  Runtime: text,
  Isolation: text,
  ...resourceShape,
  Mounts: optional(z.array(mountRequest)),
  MaskedPaths: list,
  ReadonlyPaths: list,
  Init: optional(z.boolean()),
})

const endpointSettings = z.object({
  IPAMConfig: orNull(
    z.object({
      IPv4Address: optional(z.string()),
      IPv6Address: optional(z.string()),
      LinkLocalIPs: optional(z.array(z.string())),
    }),
  ),
  Links: list,
  Aliases: list,
  MacAddress: text,
  DriverOpts: orNull(strings),
  GwPriority: number,
})

/** The body of POST /networks/{id}/connect. */
export const connectBody = z.object({ Container: text, EndpointConfig: endpointSettings.nullish() })

export const createBody = z
  .object({
    ...configShape,
    HostConfig: hostConfig.nullish().transform((value) => value ?? hostConfig.parse({})),
    NetworkingConfig: z
      .object({ EndpointsConfig: z.record(z.string(), endpointSettings.nullable()).nullish() })
      .nullish()
      .transform((value) => value?.EndpointsConfig ?? {}),
  })
  .transform(({ HostConfig, NetworkingConfig: endpoints, ...config }) => ({
    config,
    hostConfig: HostConfig,
    endpoints,
  }))

/** Limits and the restart policy; what is absent stays as it is. */
export const updateBody = z.object({ ...resourceShape, RestartPolicy: optional(restartPolicy) }).partial()

export type CreateBody = z.infer<typeof createBody>
export type UpdateBody = z.input<typeof updateBody>
export type Config = CreateBody['config']
export type HostConfig = z.infer<typeof hostConfig>
export type EndpointSettings = z.infer<typeof endpointSettings>
export type Healthcheck = z.infer<typeof health>
export type MountRequest = z.infer<typeof mountRequest>
