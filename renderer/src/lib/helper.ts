import { eachChunk, json, request } from '../api/client'
import { createDemuxer, STDOUT } from '../../../shared/stdio'

/** Containers with this label are the window's own tools; lists leave them out. */
export const helperLabel = 'dev.berth.helper'

/** Any image with a shell, find, stat and cp does; this one is there from the first start. */
export const helperImage = 'busybox:latest'

/** A helper that nobody ends, because the window was killed, ends and removes itself after this long. */
const lifetimeSeconds = 900

export interface HelperMount {
  volume: string
  /** Where the volume lies in the helper, e.g. `/volume`. */
  at: string
}

/**
 * A small container with volumes mounted, through which their files can be reached with the Docker Engine API alone.
 * Without `running` it is created and not started: that is enough for archives in and out.
 */
export class Helper {
  private constructor(readonly id: string) {}

  /** @throws {ApiError} 404 when the helper's image is not there */
  static async open(mounts: HelperMount[], running = true): Promise<Helper> {
    const { Id } = await json<{ Id: string }>('POST', '/containers/create', {
      body: {
        Image: helperImage,
        Cmd: ['sleep', String(lifetimeSeconds)],
        Labels: { [helperLabel]: 'volume' },
        NetworkDisabled: true,
        HostConfig: {
          AutoRemove: true,
          NetworkMode: 'none',
          Mounts: mounts.map(({ volume, at }) => ({ Type: 'volume', Source: volume, Target: at })),
        },
      },
    })
    const helper = new Helper(Id)
    if (running) {
      try {
        await request('POST', `/containers/${Id}/start`)
      } catch (cause) {
        await helper.close()
        throw cause
      }
    }
    return helper
  }

  /** Runs a command; resolves to its standard output. @throws {Error} with its standard error when it fails */
  run(command: string[]): Promise<string> {
    return runIn(this.id, command)
  }

  /** Removes the helper; what it has mounted stays. */
  async close(): Promise<void> {
    await request('DELETE', `/containers/${this.id}`, { query: { force: 1 } }).catch(() => undefined)
  }
}

/** Runs a command in a container; resolves to its standard output. @throws {Error} with its standard error when it fails */
export async function runIn(container: string, command: string[], user?: string): Promise<string> {
  const { Id } = await json<{ Id: string }>('POST', `/containers/${container}/exec`, {
    body: { Cmd: command, AttachStdout: true, AttachStderr: true, User: user },
  })
  const response = await request('POST', `/exec/${Id}/start`, { body: { Detach: false, Tty: false } })
  const texts = { out: '', err: '' }
  const decoders = { out: new TextDecoder(), err: new TextDecoder() }
  const take = createDemuxer((stream, bytes) => {
    const name = stream === STDOUT ? 'out' : 'err'
    texts[name] += decoders[name].decode(bytes, { stream: true })
  })
  await eachChunk(response, take)
  const { ExitCode } = await json<{ ExitCode: number }>('GET', `/exec/${Id}/json`)
  if (ExitCode) throw new Error(texts.err.trim() || `${command[0]} ended with ${ExitCode}`)
  return texts.out
}
