import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { EngineError } from '../errors'
import { flag, filters, integer, matchesLabels, ok, stream, type Route } from './http'
import { createApiServer } from './server'

let server: Server
let folder: string
let socketPath: string
let aborted: Promise<unknown>

const routes: Route[] = [
  ['GET', '/version', async ({ version }) => ok({ version })],
  ['GET', '/images/{name*}/json', async ({ params }) => ok(params)],
  ['POST', '/echo', async (request) => ok(await request.json(z.object({ Name: z.string() })))],
  ['GET', '/gone', async () => Promise.reject(new EngineError('notFound', 'No such container: x'))],
  ['GET', '/broken', async () => Promise.reject(new Error('boom'))],
  ['POST', '/same', async () => Promise.reject(new EngineError('notModified', 'already started'))],
  ['GET', '/stream', async () => stream('text/plain', Readable.from(['a', 'b']))],
  [
    'GET',
    '/forever',
    async ({ signal }) => {
      aborted = once(signal, 'abort')
      return stream('text/plain', new Readable({ read: () => undefined }))
    },
  ],
  [
    'POST',
    '/attach',
    async (request) => {
      const { Tty } = await request.json(z.object({ Tty: z.boolean().optional() }))
      const connection = await request.hijack('application/vnd.docker.raw-stream')
      connection.write(`tty=${Tty};`)
      connection.on('data', (chunk) => connection.write(String(chunk).toUpperCase()))
      connection.on('end', () => connection.end('bye'))
      return undefined
    },
  ],
  [
    'POST',
    '/upper',
    async (request) => {
      const connection = await request.hijack('application/vnd.docker.raw-stream')
      connection.on('data', (chunk) => connection.write(String(chunk).toUpperCase()))
      connection.on('end', () => connection.end())
      return undefined
    },
  ],
]
const errors: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-server-'))
  socketPath = join(folder, 'api.sock')
  server = createApiServer({
    routes,
    headers: { 'Api-Version': '1.47' },
    onError: (_, request) => errors.push(request),
  })
  server.listen(socketPath)
  await once(server, 'listening')
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

async function call(
  method: string,
  path: string,
  body?: string,
  type = 'application/json',
): Promise<{ message: IncomingMessage; text: string }> {
  const sent = httpRequest({ socketPath, method, path, headers: body === undefined ? {} : { 'Content-Type': type } })
  sent.end(body)
  const [message] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of message) text += String(chunk)
  return { message, text }
}

test.each([
  ['/version', 200, '{"version":1.47}'],
  ['/v1.24/version', 200, '{"version":1.24}'],
  ['/v1.99/version', 400, /client version 1\.99 is too new. Maximum supported API version is 1\.47/],
  ['/v1.12/version', 400, /client version 1\.12 is too old. Minimum supported API version is 1\.24/],
  ['/nosuch', 404, '{"message":"page not found"}'],
  ['/images/docker.io/library/busybox%3Alatest/json', 200, '{"name":"docker.io/library/busybox:latest"}'],
  ['/gone', 404, '{"message":"No such container: x"}'],
  ['/broken', 500, '{"message":"boom"}'],
])('GET %s answers %i', async (path, status, body) => {
  const { message, text } = await call('GET', path)
  expect(message.statusCode).toBe(status)
  expect(message.headers['api-version']).toBe('1.47')
  expect(text.trim()).toEqual(typeof body === 'string' ? body : expect.stringMatching(body))
})

test('only our own failures are reported', () => {
  expect(errors).toEqual(['GET /broken'])
})

test('a body is checked', async () => {
  expect((await call('POST', '/echo', '{"Name":"x"}')).text.trim()).toBe('{"Name":"x"}')
  expect((await call('POST', '/echo', '{"Name":1}')).message.statusCode).toBe(400)
  expect((await call('POST', '/echo', '{')).text).toContain('invalid JSON')
  expect((await call('POST', '/echo', '{"Name":"x"}', 'text/plain')).text).toContain('unsupported Content-Type')
})

test('not modified has no body', async () => {
  const { message, text } = await call('POST', '/same')
  expect([message.statusCode, text]).toEqual([304, ''])
})

test('HEAD is answered as GET without the body, streams come whole', async () => {
  expect((await call('HEAD', '/version')).text).toBe('')
  expect((await call('GET', '/stream')).text).toBe('ab')
})

test('a client that goes away aborts its handler', async () => {
  const sent = httpRequest({ socketPath, path: '/forever' })
  sent.on('error', () => undefined)
  sent.end()
  await once(sent, 'response')
  sent.destroy()
  await aborted
})

test('an upgraded connection gets the body, then both directions, and outlives the client half', async () => {
  const socket = connect({ path: socketPath, allowHalfOpen: true })
  const body = '{"Tty":true}'
  socket.write(
    `POST /v1.41/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}hel`,
  )
  setTimeout(() => socket.end('lo'), 20)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  expect(text).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/)
  expect(text).toContain('Content-Type: application/vnd.docker.raw-stream')
  expect(text.split('\r\n\r\n')[1]).toBe('tty=true;HELLObye')
})

test('a body that nobody reads is not the start of what an upgraded connection sends', async () => {
  const socket = connect({ path: socketPath, allowHalfOpen: true })
  const head = 'POST /upper HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\n'
  socket.end(`${head}bodyhello`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  expect(text.split('\r\n\r\n')[1]).toBe('HELLO')
})

test('query helpers read as Docker does', () => {
  const query = new URLSearchParams('a=1&b=false&c=0&d=&e=true&n=12&bad=x&filters={"label":{"k=v":true}}')
  expect(['a', 'b', 'c', 'd', 'e', 'none'].map((name) => flag(query, name))).toEqual([
    true,
    false,
    false,
    false,
    true,
    false,
  ])
  expect(integer(query, 'n', 0)).toBe(12)
  expect(() => integer(query, 'bad', 0)).toThrow(/invalid syntax/)
  expect(filters(query, ['label']).get('label')).toEqual(['k=v'])
  expect(() => filters(query, ['name'])).toThrow(/invalid filter 'label'/)
  expect(matchesLabels({ k: 'v' }, ['k', 'k=v'])).toBe(true)
  expect(matchesLabels({ k: 'v' }, ['k=w'])).toBe(false)
})
