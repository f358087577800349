import { Duplex } from 'node:stream'
import type { Op, Reply, Request } from '../../machine/contract'
import contract from '../../../resources/guest/contract.json'
import { ops } from '../../machine/contract'
import type { LinkStream } from '../../machine/link'
import { Events } from '../events/events'
import type { Network } from '../networks/network'
import { openDatabase, type Db } from '../store/database'
import { createBody } from './config'
import type { Container } from './container'
import { Containers } from './containers'
import type { ContainersOptions } from './deps'

/** Stands in for the agent in unit tests: knows which containers run, and tells of their ends when it is told to. */
export class GuestDouble {
  readonly calls: { op: Op; request: Record<string, unknown> }[] = []
  /** Called before an op is answered; what it throws is the answer. */
  before: (op: Op, request: Record<string, unknown>) => void = () => undefined
  private clock = Date.parse('2026-01-02T03:04:05Z')

  async call<O extends Op>(op: O, request: Request<O>): Promise<Reply<O>> {
    const asked = request as Record<string, unknown>
    this.calls.push({ op, request: asked })
    this.before(op, asked)
    const replies: Partial<Record<Op, unknown>> = {
      'container.start': { pid: 7, startedAt: this.now() },
      'container.sizes': { sizes: {} },
    }
    return (replies[op] ?? {}) as Reply<O>
  }

  open<O extends Op>(op: O, request: Request<O>): LinkStream<Reply<O>> {
    this.calls.push({ op, request: request as Record<string, unknown> })
    const sink = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
    return Object.assign(sink, { reply: Promise.resolve({}) }) as unknown as LinkStream<Reply<O>>
  }

  /** The agent's clock; each look is a second later. */
  now(): string {
    this.clock += 1000
    return new Date(this.clock).toISOString()
  }

  did(op: Op): number {
    return this.calls.filter((call) => call.op === op).length
  }
}

export interface TestBed {
  guest: GuestDouble
  containers: Containers
  /** Actions of the events up to now. */
  actions: string[]
  create: (body?: object, name?: string) => Promise<Container>
  /** The agent tells that the container has ended. */
  exits: (container: Container, exitCode: number) => void
}

/** The containers of an engine whose other parts are as plain as can be: no network, one image. */
export function testBed(options: { db?: Db; hostBinds?: boolean } = {}): TestBed {
  const guest = new GuestDouble()
  const events = new Events()
  const actions: string[] = []
  events.listen((event) => actions.push(event.Action))
  const image = {
    id: 'sha256:a',
    architecture: 'amd64',
    os: 'linux',
    variant: '',
    config: { Cmd: ['sh'] },
    warnings: [],
  }
  const none: Network = {
    ...{ id: 'n0', name: 'none', created: 0, driver: 'null', bridge: '', pools: [], ipv4: true, ipv6: false },
    ...{ internal: false, attachable: false, options: {}, labels: {}, ipamOptions: null },
  }
  const containers = new Containers({
    db: options.db ?? openDatabase(':memory:'),
    guest: () => guest,
    facts: () => ops.hello.reply.parse(contract.ops.hello.reply).facts,
    features: () => ({ hostBinds: options.hostBinds ?? true, hostNetwork: true }),
    events,
    images: {
      resolve: () => image,
      ensureUnpacked: async () => ['00000000000000aa'],
      layerIds: () => ['00000000000000aa'],
      size: () => 0,
    },
    volumes: {
      ensure: async (name: string) => ({ Name: name || 'anonymous', Mountpoint: '/v' }),
      remove: async () => undefined,
      mountOf: () => undefined,
    } as unknown as ContainersOptions['volumes'],
    networks: { resolve: () => none } as unknown as ContainersOptions['networks'],
    ports: { publish: async () => [], retarget: () => undefined, release: () => undefined },
    whenRunning: async () => undefined,
    log: () => undefined,
  })
  return {
    guest,
    containers,
    actions,
    create: async (body = {}, name = '') => {
      const parsed = createBody.parse({ Image: 'busybox', ...body })
      return (await containers.create({ name, platform: undefined, body: parsed })).container
    },
    exits: ({ id }, exitCode) =>
      containers.onGuestEvent({ type: 'exit', id, exitCode, oomKilled: false, at: guest.now() }),
  }
}
