import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Duplex, Readable } from 'node:stream'
import { createDemuxer, STDERR } from '../../shared/stdio'
import type { EngineClient } from './client'
import { createDetachWatch, parseDetachKeys } from './detach-keys'

/** Copies a container's output to ours until it ends. With a tty it is one raw stream, else Docker's framing of two. */
export async function copyOutput(source: Readable, tty: boolean): Promise<void> {
  const full = new Set<NodeJS.WriteStream>()
  const write = (to: NodeJS.WriteStream, bytes: Uint8Array) => {
    if (!to.write(bytes)) full.add(to)
  }
  const demux = createDemuxer((stream, bytes) => write(stream === STDERR ? process.stderr : process.stdout, bytes))
  for await (const chunk of source) {
    if (tty) write(process.stdout, chunk as Buffer)
    else demux(chunk as Buffer)
    for (const stream of full) await once(stream, 'drain')
    full.clear()
  }
}

function enterRawMode(): void {
  process.stdin.setRawMode(true)
  // Node leaves the terminal's output processing on, which would turn each line feed that a full-screen program sends
  // into a new line. Without stty only that fault remains. `setRawMode(false)` puts it back with the rest.
  if (process.platform !== 'win32') spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
}

export interface StreamOptions {
  tty: boolean
  /** Pass our stdin on. */
  stdin: boolean
  detachKeys?: string
  /** Pass the terminal's size on, now and whenever it changes. */
  resize?: (size: { rows: number; columns: number }) => Promise<unknown>
}

/**
 * Joins a hijacked connection with our stdin, stdout and stderr until the container's side ends, or until the person
 * types the detach keys on a tty. The terminal is raw meanwhile and put back afterwards.
 */
export async function joinStreams(connection: Duplex, options: StreamOptions): Promise<'ended' | 'detached'> {
  const { stdin } = process
  const raw = options.tty && options.stdin && stdin.isTTY
  const watch = raw ? createDetachWatch(parseDetachKeys(options.detachKeys || 'ctrl-p,ctrl-q')) : undefined
  let detached = false

  const onData = (typed: Buffer) => {
    const passed = watch ? watch(typed) : typed
    if (passed === 'detach') {
      detached = true
      connection.destroy()
    } else if (!connection.write(passed)) {
      stdin.pause()
      connection.once('drain', () => stdin.resume())
    }
  }
  const onEnd = () => connection.end()
  const sendSize = () => {
    const { rows, columns } = process.stdout
    // The container may have ended meanwhile; its own end is what gets reported.
    if (rows && columns) options.resize?.({ rows, columns }).catch(() => undefined)
  }

  if (raw) enterRawMode()
  if (options.stdin) stdin.on('data', onData).on('end', onEnd)
  if (options.resize) {
    sendSize()
    process.stdout.on('resize', sendSize)
  }
  try {
    await copyOutput(connection, options.tty)
  } catch (error) {
    // A connection that is cut ends the session; what the container did is asked for afterwards.
    if (!detached && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  } finally {
    stdin.off('data', onData).off('end', onEnd).pause()
    process.stdout.off('resize', sendSize)
    if (raw) stdin.setRawMode(false)
  }
  if (detached) process.stderr.write('read escape sequence\n')
  return detached ? 'detached' : 'ended'
}

// What may not or must not be passed on: not catchable, the terminal's own, or Node's.
const kept = [
  'SIGKILL',
  'SIGSTOP',
  'SIGCHLD',
  'SIGPIPE',
  'SIGURG',
  'SIGPROF',
  'SIGWINCH',
  'SIGTTIN',
  'SIGTTOU',
  'SIGTSTP',
]
const faults = ['SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGILL', 'SIGABRT', 'SIGIOT', 'SIGTRAP', 'SIGSYS', 'SIGCONT']

/** Passes the signals that we get on to a container. Returns a function that ends it. */
export function proxySignals(engine: EngineClient, container: string): () => void {
  const handlers = (Object.keys(constants.signals) as NodeJS.Signals[])
    .filter((signal) => !kept.includes(signal) && !faults.includes(signal))
    .map((signal) => {
      // Gone already: its own end is what gets reported.
      const send = () =>
        void engine.call('POST', `/containers/${container}/kill`, { query: { signal } }).catch(() => undefined)
      process.on(signal, send)
      return () => process.off(signal, send)
    })
  return () => handlers.forEach((remove) => remove())
}
