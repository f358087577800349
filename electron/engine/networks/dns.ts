import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns'
import { decode, encode, type Packet } from 'dns-packet'

const timeout = 3000

/**
 * Answers a container's DNS message (RFC 1035) by asking this computer's resolvers, in order. They are read afresh
 * for each question, so that a changed network is followed. When none answers: SERVFAIL.
 */
export async function forward(message: Buffer): Promise<Buffer> {
  for (const server of new Resolver().getServers()) {
    const answer = await ask(server, message).catch(() => undefined)
    if (answer) return answer
  }
  return failure(message)
}

function ask(server: string, message: Buffer): Promise<Buffer> {
  const { host, port } = split(server)
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
      if (answer.length < 2 || answer.readUInt16BE(0) !== message.readUInt16BE(0)) return
      clearTimeout(timer)
      socket.close()
      resolve(answer)
    })
    // A connected socket hears only its peer, and learns at once when nobody listens there.
    socket.connect(port, host, () => socket.send(message))
  })
}

/** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53" */
function split(server: string): { host: string; port: number } {
  const match = /^\[(.+)\]:(\d+)$/.exec(server) ?? /^([\d.]+):(\d+)$/.exec(server)
  return match ? { host: match[1]!, port: Number(match[2]) } : { host: server, port: 53 }
}

function failure(message: Buffer): Buffer {
  const question = decode(message)
  const servfail = 2
  const packet: Packet = { type: 'response', id: question.id, flags: servfail, questions: question.questions }
  return encode(packet)
}
