import { createSocket } from 'node:dgram'
import type { Duplex } from 'node:stream'
import type { Listener } from './tcp-proxy'

/** Datagrams between one client and a port in the guest. */
export interface Flow {
  send(datagram: Buffer): void
  close(): void
}

/** Opens a flow to an address in the guest; what comes back is told, and when it ends by itself. */
export type DialDatagrams = (
  address: string,
  port: number,
  onDatagram: (datagram: Buffer) => void,
  onEnd: () => void,
) => Flow

/** As dockerd's proxy: a client that is silent for so long (milliseconds) is forgotten. */
const idleTimeout = 90_000

/**
 * Carries the datagrams to a host's port to where `dial` leads, each client over a flow of its own, so that answers find
 * back; those from an address that is not admitted are dropped. Port 0 is any free one. Rejects with the system's error.
 */
export async function listenUdp(
  host: string,
  port: number,
  admits: (remote: string) => boolean,
  dial: (onDatagram: (datagram: Buffer) => void, onEnd: () => void) => Flow,
): Promise<Listener> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', ipv6Only: host.includes(':') })
  const flows = new Map<string, { flow: Flow; timer: NodeJS.Timeout }>()
  const forget = (client: string) => {
    const known = flows.get(client)
    if (!known) return
    flows.delete(client)
    clearTimeout(known.timer)
    known.flow.close()
  }
  socket.on('message', (datagram, { address, port: from }) => {
    if (!admits(address)) return
    const client = `${address} ${from}`
    let known = flows.get(client)
    if (!known) {
      const timer = setTimeout(() => forget(client), idleTimeout)
      const back = (answer: Buffer) => {
        timer.refresh()
        // A client that went away is no failure of the socket's.
        socket.send(answer, from, address, () => undefined)
      }
      known = { flow: dial(back, () => forget(client)), timer }
      flows.set(client, known)
    }
    known.timer.refresh()
    known.flow.send(datagram)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, host, resolve)
  })
  socket.on('error', () => undefined)
  return {
    port: socket.address().port,
    close() {
      for (const client of [...flows.keys()]) forget(client)
      socket.close()
    },
  }
}

/** For guests whose networks are this computer's own. */
export const dialDatagramsHere: DialDatagrams = (address, port, onDatagram, onEnd) => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  let open = true
  const close = () => {
    if (open) socket.close()
    open = false
  }
  const waiting: Buffer[] = []
  let connected = false
  socket.on('message', onDatagram)
  // Nobody listens there for now: as without a proxy, the datagram is lost.
  socket.on('error', () => undefined)
  socket.connect(port, address, (error?: Error) => {
    if (error) {
      close()
      onEnd()
      return
    }
    connected = true
    for (const datagram of waiting.splice(0)) socket.send(datagram)
  })
  return {
    close,
    send: (datagram) => {
      if (connected) socket.send(datagram, () => undefined)
      else if (open) waiting.push(datagram)
    },
  }
}

/** For guests that the link's `dial` reaches: on that stream each datagram has its length (u16 BE) before it. */
export function dialDatagramsBy(open: (address: string) => Duplex): DialDatagrams {
  return (address, port, onDatagram, onEnd) => {
    const stream = open(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)
    let rest: Buffer = Buffer.alloc(0)
    stream.on('data', (chunk: Buffer) => {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0)
        onDatagram(rest.subarray(2, end))
        rest = rest.subarray(end)
      }
    })
    stream.on('error', () => stream.destroy())
    stream.on('close', onEnd)
    return {
      send(datagram) {
        // With UDP what does not fit is lost: nothing is kept for a guest that is slow.
        if (stream.writableNeedDrain) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(datagram.length)
        stream.write(Buffer.concat([length, datagram]))
      },
      close: () => stream.destroy(),
    }
  }
}
