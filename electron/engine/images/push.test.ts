import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseReference } from '../../../shared/reference'
import type { Credentials } from '../registry/auth'
import { Registry } from '../registry/testing'
import { digestOf } from '../store/content'
import { mediaTypes, readManifest } from './oci'
import { dockerArchive, imageOf, imagesForTest, type TestImage } from './testing'

describe('push', () => {
  let registry: Registry
  let host: string
  let engine: Awaited<ReturnType<typeof imagesForTest>>
  let image: TestImage

  beforeEach(async () => {
    registry = new Registry()
    host = await registry.start()
    engine = await imagesForTest()
    image = await imageOf(['one', 'two'])
    await engine.load(await dockerArchive(image, [`${host}/app:1`]))
    engine.messages.length = 0
  })
  afterEach(async () => {
    registry.stop()
    await engine.close()
  })

  const push = (name: string, credentials?: Credentials) =>
    engine.images.transfers.push(
      parseReference(`${host}/${name}`),
      (message) => {
        engine.messages.push(message)
      },
      new AbortController().signal,
      { credentials },
    )
  const statuses = () => engine.messages.map(({ status, id }) => (id ? `${id}: ${status}` : status))
  const ids = () => image.layers.map((layer) => digestOf(layer).slice(7, 19))
  const manifestAt = (repository: string, tag: string) => registry.repositories.get(repository)!.manifests.get(tag)!
  const uploaded = () => registry.requests.filter((path) => /^(POST|PATCH|PUT) .*\/blobs\//.test(path)).length

  it('sends layers compressed, the configuration as it is, and a manifest in dockerd’s form', async () => {
    await push('app:1')
    const { type, body } = manifestAt('app', '1')
    expect(type).toBe(mediaTypes.dockerManifest)
    expect(body).toMatch(/^{\n {3}"schemaVersion": 2,\n {3}"mediaType": "application\/vnd.docker/)
    const { config, layers } = readManifest(Buffer.from(body))
    expect(config).toMatchObject({ digest: image.id, size: image.config.length, mediaType: mediaTypes.dockerConfig })
    expect(layers.map(({ digest }) => Buffer.from(gunzipSync(registry.blobs.get(digest)!)))).toEqual(
      image.layers.map((layer) => Buffer.from(layer)),
    )
    const digest = digestOf(body)
    const told = statuses()
    expect(told.slice(0, 3)).toEqual([
      `The push refers to repository [${host}/app]`,
      `${ids()[1]}: Preparing`,
      `${ids()[0]}: Preparing`,
    ])
    for (const id of ids()) expect(told).toContain(`${id}: Pushed`)
    expect(told.at(-2)).toBe(`1: digest: ${digest} size: ${body.length}`)
    expect(engine.messages.at(-1)).toEqual({
      progressDetail: {},
      aux: { Tag: '1', Digest: digest, Size: body.length },
    })
    expect(engine.images.inspect(`${host}/app:1`, 1.47)).toMatchObject({ RepoDigests: [`${host}/app@${digest}`] })
    expect(engine.events().at(-1)).toBe(`push ${host}/app`)
  })

  it('sends nothing that is there, and mounts what another repository has', async () => {
    await push('app:1')
    const sent = uploaded()
    engine.messages.length = 0
    await push('app:1')
    expect(uploaded()).toBe(sent)
    expect(statuses().filter((line) => line?.endsWith('Layer already exists'))).toHaveLength(2)

    engine.images.tag(`${host}/app:1`, parseReference(`${host}/ann/other:2`))
    engine.messages.length = 0
    await push('ann/other:2')
    expect(statuses().filter((line) => line?.endsWith('Mounted from app'))).toHaveLength(2)
    expect(manifestAt('ann/other', '2').body).toBe(manifestAt('app', '1').body)
  })

  it('sends a layer that another repository no longer has', async () => {
    await push('app:1')
    registry.blobs.clear()
    engine.images.tag(`${host}/app:1`, parseReference(`${host}/other:1`))
    engine.messages.length = 0
    await push('other:1')
    expect(statuses().filter((line) => line?.endsWith('Pushed'))).toHaveLength(2)
  })

  it('gives back the manifest and the layers that an image was pulled by, byte for byte', async () => {
    const pulled = await imageOf(['three'])
    const { digest } = registry.push('3', pulled)
    const layer = gzipSync(pulled.layers[0]!, { level: 1 })
    registry.blobs.set(digestOf(layer), layer)
    await engine.images.transfers.pull(parseReference(`${host}/app:3`), () => undefined, new AbortController().signal)
    registry.repositories.delete('app')
    engine.images.tag(`${host}/app:3`, parseReference(`${host}/copy:3`))
    await push('copy:3')
    expect(manifestAt('copy', digest)).toBeDefined()
    expect(manifestAt('copy', '3').type).toBe(mediaTypes.ociManifest)
  })

  it.each(['app', 'copy'])(
    'keeps a manifest whose layer lies here compressed otherwise, where %s can have it',
    async (to) => {
      const [first, second] = [await imageOf(['three']), await imageOf(['three', 'four'])]
      const layer = gzipSync(first.layers[0]!, { level: 1 })
      registry.blobs.set(digestOf(layer), layer)
      const mediaType = `${mediaTypes.ociLayer}+gzip`
      registry.push('3', first, { layers: [{ mediaType, size: layer.length, digest: digestOf(layer) }] })
      const { digest } = registry.push('4', second)
      for (const tag of ['3', '4']) {
        const reference = parseReference(`${host}/app:${tag}`)
        await engine.images.transfers.pull(reference, () => undefined, new AbortController().signal)
      }
      engine.images.tag(`${host}/app:4`, parseReference(`${host}/${to}:5`))
      await push(`${to}:5`)
      expect(digestOf(manifestAt(to, '5').body)).toBe(digest)
      expect(engine.messages.at(-1)).toMatchObject({ aux: { Digest: digest } })
    },
  )

  it('pushes every tag', async () => {
    engine.images.tag(`${host}/app:1`, parseReference(`${host}/app:2`))
    await push('app')
    expect([manifestAt('app', '1'), manifestAt('app', '2')]).not.toContain(undefined)
  })

  it('tries again what broke', async () => {
    let breaks = 1
    registry.lie = (request) => {
      if (request.method !== 'PATCH' || breaks-- <= 0) return false
      request.socket.destroy()
      return true
    }
    await push('app:1')
    expect(statuses().some((line) => line?.endsWith('Retrying in 1 second'))).toBe(true)
    expect(manifestAt('app', '1')).toBeDefined()
  })

  it('asks for a token for pulling and pushing, and anew when it has expired', async () => {
    registry.authorization = 'Bearer first'
    const credentials = { username: 'ann', password: 'secret' }
    registry.lie = (request) => {
      // Between the layers and the manifest.
      if (request.method === 'PUT' && request.url!.includes('/manifests/')) registry.authorization = 'Bearer second'
      return false
    }
    await push('app:1', credentials)
    expect(registry.tokenRequests).toEqual([
      'GET account=ann&service=registry&scope=repository%3Aapp%3Apull%2Cpush&client_id=docker',
      'GET account=ann&service=registry&scope=repository%3Aapp%3Apull%2Cpush&client_id=docker',
    ])
    expect(registry.requests.filter((path) => path.startsWith('/token with Basic'))).toHaveLength(2)
    expect(manifestAt('app', '1')).toBeDefined()
  })

  it('takes an identity token for a password', async () => {
    registry.authorization = 'Bearer secret'
    await push('app:1', { identityToken: 'lasting' })
    expect(registry.tokenRequests).toEqual([
      'POST service=registry&scope=repository%3Aapp%3Apull%2Cpush&client_id=docker&grant_type=refresh_token&refresh_token=lasting',
    ])
  })

  it.each<[name: string, authorization: string, message: string]>([
    ['app:nosuch', '', 'tag does not exist: HOST/app:nosuch'],
    ['nosuch:1', '', 'An image does not exist locally with the tag: HOST/nosuch'],
    ['app:1', 'Basic secret', 'no basic auth credentials'],
  ])('%s (%s)', async (name, authorization, message) => {
    registry.authorization = authorization
    const error = await push(name).catch((reason: Error) => reason)
    expect(error).toMatchObject({ message: message.replace('HOST', host) })
    expect(registry.manifests.size).toBe(0)
  })

  it('tells the registry’s own refusal', async () => {
    registry.lie = (request, response) => {
      if (request.method !== 'POST') return false
      response
        .writeHead(403)
        .end('{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}')
      return true
    }
    await expect(push('app:1')).rejects.toThrow('denied: requested access to the resource is denied')
  })
})
