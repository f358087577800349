import { z } from 'zod'
import contract from '../../resources/guest/contract.json'

/**
 * The engine's side of resources/guest/contract.json: one strict schema for each request and reply. What the fields
 * mean stands in that file.
 */
const object = z.strictObject
const empty = object({})
const time = z.string()
const id = object({ id: z.string() })

const root = object({ id: z.string(), layers: z.array(z.string()) })

const sources = object({ layers: z.array(z.string()), sources: z.array(z.string()), parents: z.boolean() })

const mount = z.discriminatedUnion('type', [
  object({
    type: z.literal('volume'),
    source: z.string(),
    destination: z.string(),
    readOnly: z.boolean(),
    copyUp: z.boolean(),
    subpath: z.string().optional(),
    options: object({ type: z.string(), device: z.string(), o: z.string() }).optional(),
  }),
  object({
    type: z.literal('bind'),
    source: z.string(),
    destination: z.string(),
    readOnly: z.boolean(),
    readOnlyBelow: z.boolean(),
    create: z.boolean(),
    propagation: z.string(),
    recursive: z.boolean(),
  }),
])

const endpoint = object({
  name: z.string(),
  bridge: z.string(),
  hostName: z.string(),
  mac: z.string(),
  addresses: z.array(z.string()),
  gateways: z.array(z.string()),
  mtu: z.number(),
})

const network = object({
  mode: z.enum(['bridge', 'none', 'host', 'container']),
  networkOf: z.string().optional(),
  endpoints: z.array(endpoint),
  dns: z.boolean(),
})

const facts = object({
  kernel: z.string(),
  os: z.string(),
  arch: z.string(),
  hostname: z.string(),
  cpus: z.number(),
  memory: z.number(),
  swap: z.number(),
  cgroup: z.string(),
  runtime: z.string(),
  runtimeVersion: z.string(),
  runtimes: z.array(z.string()),
  storageDriver: z.string(),
  seccomp: z.boolean(),
  apparmor: z.boolean(),
  capabilities: z.array(z.string()),
  resolvers: z.array(z.string()),
  controls: z.array(z.string()),
  cpuList: z.string(),
  memoryNodes: z.string(),
  fileSystem: z.string(),
  root: z.string(),
  osVersion: z.string(),
  selinux: z.boolean(),
  cgroupNamespaces: z.boolean(),
  forwarding: z.boolean(),
  routes: z.array(z.string()),
  uptime: z.number(),
  bootTime: time,
})

const containerState = object({
  id: z.string(),
  status: z.enum(['running', 'paused', 'exited']),
  pid: z.number(),
  startedAt: time,
  finishedAt: time.optional(),
  exitCode: z.number().optional(),
  oomKilled: z.boolean().optional(),
  reason: z.string().optional(),
})

const stat = object({
  name: z.string(),
  size: z.number(),
  mode: z.number(),
  mtime: time,
  linkTarget: z.string(),
})

const interfaceStats = object({
  rxBytes: z.number(),
  rxPackets: z.number(),
  rxErrors: z.number(),
  rxDropped: z.number(),
  txBytes: z.number(),
  txPackets: z.number(),
  txErrors: z.number(),
  txDropped: z.number(),
})

const containerStats = object({
  at: time,
  systemCpu: z.number(),
  onlineCpus: z.number(),
  cpuUsage: z.number(),
  cpuEach: z.array(z.number()).optional(),
  cpuUser: z.number(),
  cpuSystem: z.number(),
  periods: z.number(),
  throttledPeriods: z.number(),
  throttledTime: z.number(),
  memoryUsage: z.number(),
  memoryMax: z.number(),
  memoryLimit: z.number(),
  memoryFile: z.number(),
  memoryStats: z.record(z.string(), z.number()),
  pids: z.number(),
  pidsLimit: z.number(),
  networks: z.record(z.string(), interfaceStats),
  blkio: z.array(
    object({
      major: z.number(),
      minor: z.number(),
      readBytes: z.number(),
      writeBytes: z.number(),
      reads: z.number(),
      writes: z.number(),
    }),
  ),
})

/** The OCI runtime spec is passed through as it is; its shape is the OCI's, not this contract's. */
const oci = z.record(z.string(), z.unknown())

export const ops = {
  hello: {
    request: object({ protocol: z.number(), time }),
    reply: object({
      protocol: z.number(),
      agent: z.string(),
      facts,
      layers: z.array(z.string()),
      containers: z.array(containerState),
    }),
  },
  events: { request: empty, reply: empty },
  usage: {
    request: empty,
    reply: object({
      at: time,
      cpuTotal: z.number(),
      cpuBusy: z.number(),
      memoryTotal: z.number(),
      memoryUsed: z.number(),
      swapTotal: z.number(),
      swapUsed: z.number(),
      diskTotal: z.number(),
      diskUsed: z.number(),
      load1: z.number(),
    }),
  },
  'layer.apply': {
    request: object({ id: z.string(), parents: z.array(z.string()), file: z.string().optional() }),
    reply: object({ size: z.number() }),
  },
  'layer.remove': { request: object({ ids: z.array(z.string()) }), reply: empty },
  'layer.diff': { request: object({ root }), reply: empty },
  'layer.commit': {
    request: object({ root, below: z.string(), stubs: z.array(z.string()) }),
    reply: object({ size: z.number() }),
  },
  'layer.copy': {
    request: object({
      layers: z.array(z.string()),
      below: z.string(),
      volume: z.string().optional(),
      path: z.string(),
      folder: z.boolean(),
      file: z.string().optional(),
      owner: z.string().optional(),
      mode: z.number().optional(),
      from: sources.optional(),
    }),
    reply: object({ size: z.number() }),
  },
  'layer.digest': { request: sources, reply: object({ kind: z.enum(['file', 'dir', 'multi']), digest: z.string() }) },
  'container.changes': {
    request: object({ root }),
    reply: object({ changes: z.array(object({ path: z.string(), kind: z.number() })) }),
  },
  'container.export': { request: object({ root }), reply: empty },
  'container.start': {
    request: object({
      id: z.string(),
      root,
      spec: oci,
      user: z.string(),
      groups: z.array(z.string()),
      tty: z.boolean(),
      rows: z.number().optional(),
      cols: z.number().optional(),
      openStdin: z.boolean(),
      stdinOnce: z.boolean(),
      init: z.boolean(),
      log: object({ driver: z.string(), maxSize: z.number(), maxFile: z.number() }),
      files: z.array(object({ path: z.string(), content: z.string(), mode: z.number() })),
      mounts: z.array(mount),
      shm: object({ size: z.number().optional(), of: z.string().optional() }).optional(),
      network,
    }),
    reply: object({ pid: z.number(), startedAt: time }),
  },
  'container.signal': { request: object({ id: z.string(), signal: z.number() }), reply: empty },
  'container.stop': { request: object({ id: z.string(), signal: z.number(), timeout: z.number() }), reply: empty },
  'container.pause': { request: id, reply: empty },
  'container.resume': { request: id, reply: empty },
  'container.update': { request: object({ id: z.string(), resources: oci }), reply: empty },
  'container.network': {
    request: object({
      id: z.string(),
      network,
      edits: z.array(object({ path: z.string(), before: z.string(), after: z.string() })),
    }),
    reply: empty,
  },
  'container.remove': { request: id, reply: empty },
  'container.resize': {
    request: object({ id: z.string(), exec: z.string().optional(), rows: z.number(), cols: z.number() }),
    reply: empty,
  },
  'container.top': {
    request: object({ id: z.string(), args: z.array(z.string()) }),
    reply: object({ titles: z.array(z.string()), processes: z.array(z.array(z.string())) }),
  },
  'container.sizes': {
    request: object({ ids: z.array(z.string()) }),
    reply: object({ sizes: z.record(z.string(), z.number()) }),
  },
  'exec.start': {
    request: object({
      id: z.string(),
      exec: z.string(),
      process: oci,
      user: z.string(),
      groups: z.array(z.string()),
      tty: z.boolean(),
      rows: z.number().optional(),
      cols: z.number().optional(),
      stdin: z.boolean(),
      stdout: z.boolean(),
      stderr: z.boolean(),
      detach: z.boolean(),
    }),
    reply: object({ pid: z.number() }),
  },
  attach: {
    request: object({
      id: z.string(),
      stdin: z.boolean(),
      stdout: z.boolean(),
      stderr: z.boolean(),
      logs: z.boolean(),
      stream: z.boolean(),
    }),
    reply: empty,
  },
  logs: {
    request: object({
      id: z.string(),
      stdout: z.boolean(),
      stderr: z.boolean(),
      since: time.optional(),
      until: time.optional(),
      tail: z.number(),
      follow: z.boolean(),
      timestamps: z.boolean(),
      raw: z.boolean(),
      prefix: z.string().optional(),
    }),
    reply: empty,
  },
  'archive.stat': { request: object({ root, mounts: z.array(mount), path: z.string() }), reply: stat },
  'archive.get': { request: object({ root, mounts: z.array(mount), path: z.string() }), reply: stat },
  'archive.put': {
    request: object({
      root,
      mounts: z.array(mount),
      path: z.string(),
      noOverwriteDirNonDir: z.boolean(),
      copyUidGid: z.boolean(),
    }),
    reply: empty,
  },
  dial: { request: object({ network: z.enum(['tcp', 'udp']), address: z.string() }), reply: empty },
  'network.ensure': {
    request: object({
      bridge: z.string(),
      addresses: z.array(z.string()),
      mtu: z.number(),
      masquerade: z.boolean(),
      icc: z.boolean(),
      internal: z.boolean(),
      exclusive: z.boolean(),
      dns: z.boolean(),
    }),
    reply: empty,
  },
  'network.remove': { request: object({ bridge: z.string() }), reply: empty },
  stats: {
    request: object({ ids: z.array(z.string()) }),
    reply: object({ stats: z.record(z.string(), containerStats) }),
  },
  'volume.create': { request: object({ name: z.string() }), reply: object({ mountpoint: z.string() }) },
  'volume.remove': { request: object({ name: z.string() }), reply: empty },
  'volume.sizes': {
    request: object({ names: z.array(z.string()) }),
    reply: object({ sizes: z.record(z.string(), z.number()) }),
  },
  'disk.grow': { request: empty, reply: empty },
  sync: { request: empty, reply: empty },
  shutdown: { request: object({ timeout: z.number(), powerOff: z.boolean() }), reply: empty },
  dns: {
    request: object({
      container: z.string(),
      bridge: z.string(),
      client: z.string(),
      transport: z.enum(['udp', 'tcp']),
      message: z.string(),
    }),
    reply: object({ message: z.string() }),
  },
}

export const guestEvent = z.discriminatedUnion('type', [
  object({ type: z.literal('exit'), id: z.string(), exitCode: z.number(), oomKilled: z.boolean(), at: time }),
  object({ type: z.literal('oom'), id: z.string(), at: time }),
  object({ type: z.literal('execExit'), id: z.string(), exec: z.string(), exitCode: z.number(), at: time }),
])

export type Op = keyof typeof ops
export type Request<O extends Op> = z.infer<(typeof ops)[O]['request']>
export type Reply<O extends Op> = z.infer<(typeof ops)[O]['reply']>
export type GuestEvent = z.infer<typeof guestEvent>
export type GuestFacts = z.infer<typeof facts>
export type GuestContainer = z.infer<typeof containerState>
export type GuestMount = z.infer<typeof mount>
export type GuestRoot = z.infer<typeof root>
export type GuestEndpoint = z.infer<typeof endpoint>
export type GuestStats = z.infer<typeof containerStats>
export type GuestErrorKind =
  | 'notFound'
  | 'conflict'
  | 'invalid'
  | 'forbidden'
  | 'unavailable'
  | 'unsupported'
  | 'noSpace'
  | 'commandNotFound'
  | 'commandNotExecutable'
  | 'internal'

/** Whether an op's stream carries data towards the acceptor (`in`) and back to the opener (`out`). */
export function directions(op: string): { in: boolean; out: boolean } {
  const found = (contract.ops as Record<string, { in: boolean; out: boolean }>)[op]
  return found ?? { in: false, out: false }
}

export const protocol = contract.protocol
export const framing = contract.framing
