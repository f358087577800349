import type { EngineClient } from './client'
import { defineCommand, Exit } from './command'
import { expectExit } from './run'
import { joinStreams, proxySignals } from './stdio'

interface Details {
  Id: string
  State: { Running: boolean; Paused: boolean }
  Config: { Tty: boolean; OpenStdin: boolean }
}

interface AttachOptions {
  stdin: boolean
  signals: boolean
  detachKeys?: string
  condition: 'next-exit' | 'not-running'
  /** What to do once the streams are joined, before waiting for the exit. */
  begin?: (details: Details) => Promise<unknown>
}

/** Attaches our streams to a container until it ends or the person detaches. Gives the container's exit code. */
export async function attachTo(engine: EngineClient, name: string, options: AttachOptions): Promise<number> {
  const details = await engine.call<Details>('GET', `/containers/${name}/json`)
  const { Id: id, Config: config, State: state } = details
  if (!options.begin && !state.Running) throw new Exit(1, 'cannot attach to a stopped container, start it first')
  if (!options.begin && state.Paused) throw new Exit(1, 'cannot attach to a paused container, unpause it first')
  const stdin = options.stdin && config.OpenStdin
  const connection = await engine.hijack(`/containers/${id}/attach`, {
    query: { stream: true, stdin, stdout: true, stderr: true, detachKeys: options.detachKeys },
  })
  const exit = await expectExit(engine, id, options.condition)
  const stopProxy = options.signals && !config.Tty ? proxySignals(engine, id) : undefined
  try {
    await options.begin?.(details)
  } catch (error) {
    connection.destroy()
    throw error
  }
  const ending = await joinStreams(connection, {
    tty: config.Tty,
    stdin,
    detachKeys: options.detachKeys,
    resize: config.Tty
      ? ({ rows, columns }) => engine.call('POST', `/containers/${id}/resize`, { query: { h: rows, w: columns } })
      : undefined,
  })
  stopProxy?.()
  return ending === 'detached' ? 0 : exit()
}

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER',
  summary: 'Attach local standard input, output, and error streams to a running container',
  flags: {
    'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
    'no-stdin': { kind: 'bool', help: 'Do not attach STDIN' },
    'sig-proxy': { kind: 'bool', initial: true, help: 'Proxy all received signals to the process' },
  },
  args: [1, 1],
  run: ({ flags, args: [name = ''], engine }) =>
    attachTo(engine, name, {
      stdin: !flags['no-stdin'],
      signals: flags['sig-proxy'],
      detachKeys: flags['detach-keys'],
      condition: 'not-running',
    }),
})
