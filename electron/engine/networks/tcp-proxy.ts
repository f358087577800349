import { connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** A port of the host that is listened on. */
export interface Listener {
  port: number
  /** Stops, and cuts what goes on. */
  close(): void
}

/** Opens a byte stream to an address in the guest. */
export type Dial = (address: string, port: number) => Promise<Duplex>

/**
 * Carries the connections to a host's port to where `dial` leads; those from an address that is not admitted are cut.
 * Port 0 is any free one. Rejects with the system's error.
 */
export async function listenTcp(
  host: string,
  port: number,
  admits: (remote: string) => boolean,
  dial: () => Promise<Duplex>,
): Promise<Listener> {
  const connections = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => socket.destroy())
    if (admits(socket.remoteAddress ?? '')) void carry(socket, dial)
    else socket.resetAndDestroy()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: true }, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close() {
      server.close()
      for (const socket of connections) socket.destroy()
    },
  }
}

async function carry(socket: Socket, dial: () => Promise<Duplex>): Promise<void> {
  try {
    const far = await dial()
    await Promise.all([pipeline(socket, far), pipeline(far, socket)])
  } catch {
    // Refused inside or cut on either side: the client sees its connection end.
    socket.destroy()
  }
}

/** A Dial for guests whose networks are this computer's own. */
export function dialHere(address: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
