import { existsSync } from 'node:fs'
import { readAll, type EngineClient } from './client'
import { defineCommand, Exit } from './command'
import { containerFlags } from './container-flags'
import { createContainer } from './create-container'
import { UsageError } from './flags'
import { joinStreams, proxySignals } from './stdio'

/** The exit code that a failed start stands for: 127 not found, 126 not executable, else 125 (as dockerd's client). */
export function startFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/i.test(message))
    return 127
  if (/permission denied|is a directory|not a directory|exec format error/i.test(message)) return 126
  return 125
}

/** Asks for a container's exit code before it starts, so that no exit can be missed; call the result to wait for it. */
export async function expectExit(engine: EngineClient, id: string, condition: 'next-exit' | 'removed' | 'not-running') {
  const response = await engine.open('POST', `/containers/${id}/wait`, { query: { condition } })
  const body = readAll(response).then((text) => JSON.parse(text.toString()) as ExitAnswer)
  // Whoever does not wait for it must not be ended by its failure.
  body.catch(() => undefined)
  return async () => {
    const { StatusCode, Error: failure } = await body
    if (failure?.Message) throw new Exit(125, `berth: ${failure.Message}`)
    return StatusCode
  }
}

interface ExitAnswer {
  StatusCode: number
  Error?: { Message?: string } | null
}

export const command = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  flags: {
    ...containerFlags,
    cidfile: { kind: 'string', help: 'Write the container ID to the file' },
    detach: { kind: 'bool', short: 'd', help: 'Run container in background and print container ID' },
    'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
    'sig-proxy': { kind: 'bool', initial: true, help: 'Proxy received signals to the process' },
  },
  passThrough: true,
  args: [1, Infinity],
  async run({ flags, args, engine }) {
    if (flags.cidfile && existsSync(flags.cidfile))
      throw new Exit(
        125,
        `berth: container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`,
      )
    if (flags.tty && flags.interactive && !flags.detach && !process.stdin.isTTY)
      throw new Exit(1, 'the input device is not a TTY')
    try {
      return await runContainer(engine, flags, args)
    } catch (error) {
      if (error instanceof Exit || error instanceof UsageError) throw error
      throw new Exit(125, `berth: ${(error as Error).message}\n\nRun 'berth run --help' for more information`)
    }
  },
})

type RunFlags = Parameters<typeof createContainer>[1] & {
  cidfile?: string
  detach: boolean
  'detach-keys'?: string
  'sig-proxy': boolean
}

async function runContainer(engine: EngineClient, flags: RunFlags, args: string[]): Promise<number> {
  const { id, config } = await createContainer(engine, flags, args, flags.cidfile)
  const start = async () => {
    try {
      await engine.call('POST', `/containers/${id}/start`)
    } catch (error) {
      const { message } = error as Error
      throw new Exit(startFailureCode(message), `berth: ${message}\n\nRun 'berth run --help' for more information`)
    }
  }
  if (flags.detach) {
    await start()
    process.stdout.write(`${id}\n`)
    return 0
  }

  const connection = await engine.hijack(`/containers/${id}/attach`, {
    query: {
      stream: true,
      stdin: config.AttachStdin,
      stdout: config.AttachStdout,
      stderr: config.AttachStderr,
      detachKeys: flags['detach-keys'],
    },
  })
  const exit = await expectExit(engine, id, flags.rm ? 'removed' : 'next-exit')
  const stopProxy = flags['sig-proxy'] && !flags.tty ? proxySignals(engine, id) : undefined
  try {
    await start()
  } catch (error) {
    connection.destroy()
    if (flags.rm) await exit().catch(() => undefined)
    throw error
  }
  const ending = await joinStreams(connection, {
    tty: flags.tty,
    stdin: config.AttachStdin,
    detachKeys: flags['detach-keys'],
    resize: flags.tty
      ? ({ rows, columns }) => engine.call('POST', `/containers/${id}/resize`, { query: { h: rows, w: columns } })
      : undefined,
  })
  stopProxy?.()
  return ending === 'detached' ? 0 : exit()
}
