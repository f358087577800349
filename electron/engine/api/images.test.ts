import { once } from 'node:events'
import { request, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerArchive, imageOf, imagesForTest, type TestImage } from '../images/testing'
import { Registry } from '../registry/testing'
import { imageRoutes } from './images'
import { createApiServer } from './server'

describe('image routes', () => {
  let engine: Awaited<ReturnType<typeof imagesForTest>>
  let server: Server
  let registry: Registry
  let host: string
  let image: TestImage

  beforeEach(async () => {
    engine = await imagesForTest()
    server = createApiServer({
      routes: imageRoutes(engine.images, engine.registries),
      headers: {},
      onError: () => undefined,
    })
    server.listen(join(engine.dir, 'api.sock'))
    await once(server, 'listening')
    registry = new Registry()
    host = await registry.start()
    image = await imageOf(['one', 'two'])
  })
  afterEach(async () => {
    registry.stop()
    server.close()
    server.closeAllConnections()
    await engine.close()
  })

  async function call(method: string, path: string, body?: Uint8Array, headers: Record<string, string> = {}) {
    const outgoing = request({ socketPath: join(engine.dir, 'api.sock'), method, path, headers }).end(body)
    const sent = once(outgoing, 'finish')
    const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage]
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part as Buffer)
    await sent
    const bytes = Buffer.concat(parts)
    return { status: response.statusCode, bytes, json: () => JSON.parse(bytes.toString()) as unknown }
  }
  const lines = ({ bytes }: { bytes: Buffer }) =>
    bytes
      .toString()
      .trim()
      .split('\r\n')
      .map((line) => JSON.parse(line) as { status?: string; stream?: string; error?: string; errorDetail?: object })
  const load = async (tags: string[]) =>
    call('POST', '/images/load?quiet=1', Buffer.from(await dockerArchive(image, tags)))

  it('loads, lists, inspects, tells the history', async () => {
    const loaded = await load(['app:1'])
    expect(loaded.status).toBe(200)
    expect(lines(loaded)).toEqual([{ stream: 'Loaded image: app:1\n' }])
    expect((await call('GET', '/v1.47/images/json')).json()).toEqual([
      {
        Containers: -1,
        Created: 1704164645,
        Id: image.id,
        Labels: null,
        ParentId: '',
        RepoDigests: [],
        RepoTags: ['app:1'],
        SharedSize: -1,
        Size: image.layers[0]!.length + image.layers[1]!.length,
      },
    ])
    expect((await call('GET', '/v1.43/images/json')).json()).toMatchObject([{ VirtualSize: expect.any(Number) }])
    expect((await call('GET', '/images/app:1/json')).json()).toMatchObject({ Id: image.id, RootFS: { Type: 'layers' } })
    expect((await call('GET', '/images/app:1/history')).json()).toEqual([
      {
        Comment: '',
        Created: 1704164645,
        CreatedBy: 'ADD two',
        Id: image.id,
        Size: image.layers[1]!.length,
        Tags: ['app:1'],
      },
      {
        Comment: '',
        Created: 1704164645,
        CreatedBy: 'ADD one',
        Id: '<missing>',
        Size: image.layers[0]!.length,
        Tags: null,
      },
    ])
  })

  it('answers a load that fails although its body is not read to the end', async () => {
    const noise = Buffer.alloc(8 * 1024 * 1024, 7)
    const answer = await call('POST', '/images/load', noise)
    expect(answer.status).toBe(200)
    expect(lines(answer)).toEqual([
      { error: expect.stringMatching(/^invalid archive/), errorDetail: { message: expect.any(String) } },
    ])
  })

  it('tags, saves, untags and deletes', async () => {
    await load(['app:1'])
    expect((await call('POST', `/images/app:1/tag?repo=${host}/x/app&tag=2`)).status).toBe(201)
    const saved = await call('GET', `/images/get?names=app:1&names=${host}/x/app:2`)
    expect(await call('DELETE', `/images/${host}/x/app:2`)).toMatchObject({ status: 200 })
    expect((await call('DELETE', `/images/app:1`)).json()).toMatchObject([
      { Untagged: 'app:1' },
      { Deleted: image.id },
      {},
      {},
    ])
    expect(lines(await call('POST', '/images/load?quiet=1', saved.bytes))).toEqual([
      { stream: 'Loaded image: app:1\n' },
      { stream: `Loaded image: ${host}/x/app:2\n` },
    ])
    expect((await call('GET', '/images/app:1/get')).bytes.length).toBeGreaterThan(1024)
  })

  it('imports, and prunes', async () => {
    const made = await call('POST', '/images/create?fromSrc=-&changes=USER%20nobody', image.layers[0])
    const [{ status: id }] = lines(made) as [{ status: string }]
    expect((await call('GET', `/images/${id}/json`)).json()).toMatchObject({ Config: { User: 'nobody' }, RepoTags: [] })
    const pruned = (await call('POST', '/images/prune')).json()
    expect(pruned).toEqual({
      ImagesDeleted: [{ Deleted: id }, { Deleted: expect.any(String) }],
      SpaceReclaimed: image.layers[0]!.length,
    })
  })

  it('pulls; what fails before the first word has a status of its own, later it is told in the stream', async () => {
    registry.push('1', image)
    const pulled = await call('POST', `/images/create?fromImage=${host}/app&tag=1`)
    expect(pulled.status).toBe(200)
    expect(lines(pulled).at(-1)).toEqual({ status: `Status: Downloaded newer image for ${host}/app:1` })

    const early = await call('POST', `/images/create?fromImage=${host}/app:nosuch`)
    expect(early.status).toBe(404)
    expect(early.json()).toEqual({
      message: `manifest for ${host}/app:nosuch not found: manifest unknown: manifest unknown`,
    })

    registry.push('2', await imageOf(['other']))
    registry.blobs.clear()
    const late = await call('POST', `/images/create?fromImage=${host}/app&tag=2`)
    expect(late.status).toBe(200)
    expect(lines(late).at(-1)).toEqual({
      error: 'blob unknown: blob unknown',
      errorDetail: { message: 'blob unknown: blob unknown' },
    })
  })

  it('shows who pulls when the registry asks', async () => {
    registry.push('1', image)
    registry.authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`
    const path = `/images/create?fromImage=${host}/app&tag=1`
    expect((await call('POST', path)).json()).toEqual({ message: expect.stringContaining('no basic auth credentials') })
    const auth = (password: string) => ({
      'x-registry-auth': Buffer.from(JSON.stringify({ username: 'ann', password })).toString('base64url'),
    })
    expect((await call('POST', path, undefined, auth('wrong'))).json()).toEqual({
      message: 'unauthorized: authentication required',
    })
    expect((await call('POST', path, undefined, auth('secret'))).status).toBe(200)
  })

  it.each([
    ['GET', '/images/nosuch/json', 404, 'No such image: nosuch:latest'],
    ['GET', '/images/nosuch/get', 404, 'No such image: nosuch:latest'],
    ['GET', '/images/nosuch/history', 404, 'No such image: nosuch:latest'],
    ['DELETE', '/images/nosuch', 404, 'No such image: nosuch:latest'],
    ['POST', '/images/nosuch/tag?repo=x', 404, 'No such image: nosuch:latest'],
    ['POST', '/images/x/tag?repo=', 400, 'invalid reference format'],
    ['POST', '/images/create?fromImage=UPPER', 400, 'must be lowercase'],
    ['POST', '/images/create?fromImage=x&tag=1&platform=foo', 400, 'unknown operating system or architecture'],
    ['POST', '/images/create?fromSrc=ftp://x/y', 400, 'Get "ftp://x/y": unsupported protocol scheme "ftp"'],
    ['POST', '/images/create?fromSrc=127.0.0.1:1/y', 500, 'connect: connection refused'],
    ['POST', '/images/x/tag?repo=y&tag=-z', 400, 'invalid tag format'],
    ['GET', '/images/json?filters={"nosuch":["1"]}', 400, "invalid filter 'nosuch'"],
    ['GET', '/images/get', 400, 'no images were named'],
  ])('%s %s: %i', async (method, path, status, message) => {
    const answer = await call(method, encodeURI(path))
    expect(answer.status).toBe(status)
    expect((answer.json() as { message: string }).message).toContain(message)
  })
})
