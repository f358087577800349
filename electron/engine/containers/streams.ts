import { Duplex, Transform, type Readable } from 'node:stream'
import { createDemuxer, frame, STDOUT } from '../../../shared/stdio'
import { EngineError } from '../errors'
import type { Container } from './container'
import type { ContainersOptions } from './deps'
import { DetachFilter, parseDetachKeys } from './detach-keys'
import { attributesOf } from './events'
import { logDetails } from './log-options'
import { isLive } from './state'

export const rawStream = 'application/vnd.docker.raw-stream'
export const multiplexedStream = 'application/vnd.docker.multiplexed-stream'

/** A process's stdio, open at the agent, to be carried over a client's connection. */
export interface Session {
  stream: Duplex
  tty: boolean
  stdin: boolean
  /** Bytes of the keys that end the session and leave the process alone; only with a tty and stdin. */
  detachKeys: number[] | undefined
  onDetach: () => void
  /** Awaited between the last byte of output and the end of the connection. */
  ended: Promise<unknown>
}

export interface AttachRequest {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  logs: boolean
  stream: boolean
  detachKeys: string
}

/** Joins a container's stdio; before its start too. Throws 'conflict' when it is paused or restarting. */
export async function attach(
  { guest, events }: ContainersOptions,
  container: Container,
  request: AttachRequest,
): Promise<Session> {
  const { status } = container.state
  if (status === 'paused') {
    throw new EngineError('conflict', `container ${container.id} is paused, unpause the container before attach`)
  }
  if (status === 'restarting') {
    throw new EngineError('conflict', `container ${container.id} is restarting, wait until the container is running`)
  }
  const { Tty: tty, OpenStdin } = container.settings.config
  const { stdout, stderr, logs } = request
  const detachKeys = tty && request.stdin ? parseDetachKeys(request.detachKeys) : undefined
  const stdin = request.stdin && request.stream && OpenStdin
  const stream = guest().open('attach', {
    id: container.id,
    stdin,
    stdout,
    stderr,
    logs,
    stream: request.stream,
  })
  // Only when the agent has it may the client start the container, or the first output would be missed.
  await stream.reply
  events.emit('container', 'attach', container.id, attributesOf(container))
  return {
    stream,
    tty,
    stdin,
    detachKeys,
    onDetach: () => events.emit('container', 'detach', container.id, attributesOf(container)),
    ended: Promise.resolve(),
  }
}

/** Carries a session over the client's connection until the process ends, the client goes, or it detaches. */
export function carry({ stream, stdin, detachKeys, onDetach, ended }: Session, client: Duplex): void {
  const detach = () => {
    onDetach()
    stream.destroy()
    client.end()
  }
  client.on('error', () => stream.destroy())
  client.on('close', () => stream.destroy())
  stream.on('error', () => client.end())
  stream.pipe(client, { end: false })
  stream.on('end', () => void ended.then(() => client.end()))
  if (!stdin) client.resume()
  else if (detachKeys) client.pipe(new DetachFilter(detachKeys, detach)).pipe(stream)
  else client.pipe(stream)
}

/** The stdio of a process without a tty, both outputs in one without Docker's framing. */
export function plainOutput(stream: Duplex): Duplex {
  const plain = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      take(chunk)
      done()
    },
  })
  const take = createDemuxer((_, bytes) => plain.push(Buffer.from(bytes)))
  return Duplex.from({ writable: stream, readable: stream.pipe(plain) })
}

/** The stdio of a process with a tty, its output in Docker's framing, as stdout. */
export function framedOutput(stream: Duplex): Duplex {
  const framed = new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, frame(STDOUT, chunk)) })
  return Duplex.from({ writable: stream, readable: stream.pipe(framed) })
}

export interface LogsRequest {
  stdout: boolean
  stderr: boolean
  /** RFC 3339, as the agent takes it. */
  since: string | undefined
  until: string | undefined
  /** -1: all. */
  tail: number
  follow: boolean
  timestamps: boolean
  /** Put what the log options name before each line. */
  details: boolean
}

/**
 * The container's log, in Docker's stdio framing unless it has a tty. With `follow` it
 * waits for the first start of one that never ran; without, that one's is undefined.
 */
export async function logs(
  { guest }: ContainersOptions,
  container: Container,
  { details, ...request }: LogsRequest,
  signal: AbortSignal,
): Promise<Readable | undefined> {
  const { config, hostConfig } = container.settings
  if (hostConfig.LogConfig.Type === 'none') {
    throw new EngineError('unsupported', 'configured logging driver does not support reading')
  }
  if (container.state.status === 'created') {
    if (!request.follow) return undefined
    await container.nextStart(signal)
  }
  const stream = guest().open('logs', {
    id: container.id,
    ...request,
    follow: request.follow && isLive(container.state),
    raw: config.Tty,
    ...(details ? { prefix: `${logDetails(hostConfig.LogConfig, config)} ` } : {}),
  })
  await stream.reply
  return stream
}

/** Docker's `since` and `until` (seconds since 1970 with up to nine decimals; 0 or '' is none) as RFC 3339. */
export function instant(text: string | null): string | undefined {
  if (!text || Number(text) === 0) return undefined
  const [, seconds, fraction = ''] = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (seconds !== undefined) {
    const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
    return `${whole}.${fraction.padEnd(9, '0')}Z`
  }
  if (Number.isNaN(Date.parse(text))) throw new EngineError('invalid', `invalid value: ${text} is not a time`)
  return text
}
