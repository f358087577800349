import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns'
import { connect } from 'node:net'

const timeout = 4000
/** As dockerd: more servers are not asked. */
const maxServers = 3

/**
 * Asks the nameservers in order for the answer to a DNS message (RFC 1035) by the transport that it came with; without
 * any named these are this computer's own, read afresh each time, so that a changed network is followed. A server that
 * fails or refuses makes way for the next. Undefined when none has an answer.
 */
export async function forward(
  message: Buffer,
  transport: 'udp' | 'tcp',
  servers: readonly string[] = new Resolver().getServers(),
): Promise<Buffer | undefined> {
  for (const server of servers.slice(0, maxServers)) {
    const { host, port } = split(server)
    const ask = transport === 'udp' ? askDatagram : askStream
    const answer = await ask(host, port, message).catch(() => undefined)
    if (answer && !isFailure(answer)) return answer
  }
  return undefined
}

function isFailure(answer: Buffer): boolean {
  const code = answer[3]! & 0x0f
  const [serverFailure, refused] = [2, 5]
  return code === serverFailure || code === refused
}

function askDatagram(host: string, port: number, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const timer = setTimeout(() => fail(new Error('timeout')), timeout)
    const fail = (error: Error) => {
      clearTimeout(timer)
      socket.close()
      reject(error)
    }
    socket.once('error', fail)
    socket.on('message', (answer) => {
      // An answer to another question is somebody else's, or an attack.
      if (answer.length < 12 || answer.readUInt16BE(0) !== message.readUInt16BE(0)) return
      clearTimeout(timer)
      socket.close()
      resolve(answer)
    })
    // A connected socket hears only its peer, and learns at once when nobody listens there.
    const connected = (error?: Error) => (error ? fail(error) : socket.send(message))
    socket.connect(port, host, connected)
  })
}

/** Over TCP each message has its length before it. */
async function askStream(host: string, port: number, message: Buffer): Promise<Buffer> {
  const socket = connect({ host, port })
  socket.setTimeout(timeout, () => socket.destroy(new Error('timeout')))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  socket.write(Buffer.concat([length, message]))
  let received = Buffer.alloc(0)
  try {
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer])
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        return received.subarray(2, 2 + received.readUInt16BE(0))
      }
    }
  } finally {
    socket.destroy()
  }
  throw new Error('the answer was cut short')
}

/** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53" */
function split(server: string): { host: string; port: number } {
  const match = /^\[(.+)\]:(\d+)$/.exec(server) ?? /^([\d.]+):(\d+)$/.exec(server)
  return match ? { host: match[1]!, port: Number(match[2]) } : { host: server, port: 53 }
}
