import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Ports } from './ports'
import { dialHere } from './tcp-proxy'
import { dialDatagramsHere } from './udp-proxy'

const opened: Server[] = []
afterEach(() => {
  for (const server of opened.splice(0)) server.close()
})

/** A server as a container would have it: answers with what it was sent, upper case, after the client's end. */
async function container(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (chunk) => (text += String(chunk)))
    socket.on('end', () => socket.end(text.toUpperCase()))
  })
  opened.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const target = { address: '127.0.0.1', endpoint: 'web (0123)', networks: ['n'] }
const options = { dial: dialHere, dialDatagrams: dialDatagramsHere, mayReach: () => true }

async function ask(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end('hello')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test('a published port carries both directions and half-closes', async () => {
  const ports = new Ports(options)
  const containerPort = await container()
  const [bound] = await ports.publish(
    'a',
    [{ hostIp: '127.0.0.1', hostPort: 0, containerPort, protocol: 'tcp' }],
    target,
  )
  expect(bound!.hostPort).toBeGreaterThan(0)
  expect(await ask(bound!.hostPort)).toBe('HELLO')
  ports.release('a')
  await expect(ask(bound!.hostPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a port of another container is already allocated, and nothing of a failed publish stays', async () => {
  const ports = new Ports(options)
  const containerPort = await container()
  const binding = { hostIp: '127.0.0.1', hostPort: 0, containerPort, protocol: 'tcp' as const }
  const [first] = await ports.publish('a', [binding], target)
  const [spare] = await ports.publish('b', [binding], target)
  ports.release('b')
  const both = [
    { ...binding, hostPort: spare!.hostPort },
    { ...binding, hostPort: first!.hostPort },
  ]
  await expect(ports.publish('b', both, target)).rejects.toMatchObject({
    kind: 'internal',
    message: expect.stringContaining(`Bind for 127.0.0.1:${first!.hostPort} failed: port is already allocated`),
  })
  await expect(ask(spare!.hostPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  ports.release('a')
})

test('a port of another program is named as in use', async () => {
  const ports = new Ports(options)
  const taken = await container()
  await expect(
    ports.publish('a', [{ hostIp: '127.0.0.1', hostPort: taken, containerPort: 80, protocol: 'tcp' }], target),
  ).rejects.toThrow(/web \(0123\).*bind: address already in use/)
})

test('connections go where the container is now, and not from where it may not be reached', async () => {
  let admitted = true
  const ports = new Ports({ ...options, mayReach: () => admitted })
  const containerPort = await container()
  const binding = { hostIp: '127.0.0.1', hostPort: 0, containerPort, protocol: 'tcp' as const }
  const [bound] = await ports.publish('a', [binding], { ...target, address: '127.0.0.2' })
  await expect(ask(bound!.hostPort)).resolves.toBe('')
  ports.retarget('a', target)
  expect(await ask(bound!.hostPort)).toBe('HELLO')
  admitted = false
  await expect(ask(bound!.hostPort)).rejects.toMatchObject({ code: 'ECONNRESET' })
  ports.release('a')
})

test('a UDP port carries each client apart, both ways', async () => {
  const inside = createSocket('udp4').bind(0, '127.0.0.1')
  await once(inside, 'listening')
  inside.on('message', (text, { port }) => inside.send(`${String(text)} for ${port}`, port, '127.0.0.1'))
  const ports = new Ports(options)
  const [bound] = await ports.publish(
    'a',
    [{ hostIp: '127.0.0.1', hostPort: 0, containerPort: inside.address().port, protocol: 'udp' }],
    target,
  )
  const answers = await Promise.all(
    ['one', 'two'].map(async (text) => {
      const client = createSocket('udp4')
      client.send(text, bound!.hostPort, '127.0.0.1')
      const [answer] = await once(client, 'message')
      client.close()
      return String(answer)
    }),
  )
  expect(answers[0]).toMatch(/^one for/)
  expect(answers[1]).toMatch(/^two for/)
  expect(answers[0]!.split(' ').at(-1)).not.toBe(answers[1]!.split(' ').at(-1))
  ports.release('a')
  inside.close()
})
