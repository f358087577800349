import { existsSync } from 'node:fs'
import { chmod, mkdir, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { parseHost } from '../../../shared/paths'
import { MachineError } from '../../machine/machine'

/**
 * Listens on `unix://PATH` (only its owner can use it) or `npipe://PIPE`. A socket file that a killed engine left is
 * replaced. Throws a MachineError when another engine answers there.
 */
export async function listen(server: Server, host: string): Promise<void> {
  const address = parseHost(host)
  if (!('socketPath' in address)) {
    throw new MachineError('engine', `The engine can't listen on ${host}.`, 'Give a unix:// or npipe:// address.')
  }
  const path = address.socketPath
  const isFile = host.startsWith('unix:')
  if (isFile) {
    await mkdir(dirname(path), { recursive: true })
    if (existsSync(path)) {
      if (await answers(path)) {
        throw new MachineError('engine', `Another engine is running on ${host}.`, 'Use that one, or stop it first.')
      }
      await rm(path)
    }
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  if (isFile) await chmod(path, 0o600)
}

/** Listens on a TCP address. Throws a MachineError when it is taken or not this computer's. */
export async function listenOn(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new MachineError(
          'engine',
          `The engine can't listen on ${host}:${port}: ${error.message}`,
          'Give another address.',
        ),
      ),
    )
    server.listen(port, host, resolve)
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
