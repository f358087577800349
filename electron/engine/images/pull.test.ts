import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseReference } from '../../../shared/reference'
import { GuestError } from '../../machine/link'
import { descriptor, Registry } from '../registry/testing'
import { digestOf } from '../store/content'
import { mediaTypes } from './oci'
import { imageOf, imagesForTest } from './testing'

describe('pull', () => {
  let registry: Registry
  let host: string
  let engine: Awaited<ReturnType<typeof imagesForTest>>

  beforeEach(async () => {
    registry = new Registry()
    host = await registry.start()
    engine = await imagesForTest()
  })
  afterEach(async () => {
    registry.stop()
    await engine.close()
  })

  const pull = (name: string, platform?: string, signal = new AbortController().signal) =>
    engine.images.transfers.pull(
      parseReference(`${host}/${name}`),
      (message) => engine.messages.push(message),
      signal,
      {
        platform,
      },
    )
  const statuses = () => engine.messages.map(({ status, id }) => (id ? `${id}: ${status}` : status))
  const layerId = (layer: Uint8Array) => digestOf(gzipSync(layer)).slice(7, 19)

  async function expectNothing() {
    expect(engine.images.list(true, new Map(), 1.47)).toEqual([])
    expect(await engine.content.list()).toEqual([])
    expect(engine.double.layers.size).toBe(0)
  }

  it('brings an image in, layer by layer, and tells so', async () => {
    const image = await imageOf(['one', 'two'])
    const { digest } = registry.push('1', image)
    await pull('app:1')
    const [one, two] = image.layers.map(layerId)
    const told = statuses()
    expect(told[0]).toBe('1: Pulling from app')
    for (const id of [one, two]) {
      const steps = told.filter((line) => line!.startsWith(id!)).map((line) => line!.slice(14))
      expect([...new Set(steps)]).toEqual([
        'Pulling fs layer',
        'Downloading',
        'Verifying Checksum',
        'Download complete',
        'Extracting',
        'Pull complete',
      ])
    }
    expect(told.indexOf(`${one}: Pull complete`)).toBeLessThan(told.indexOf(`${two}: Pull complete`))
    expect(told.slice(-2)).toEqual([`Digest: ${digest}`, `Status: Downloaded newer image for ${host}/app:1`])
    expect(engine.images.inspect(`${host}/app:1`, 1.47)).toMatchObject({
      Id: image.id,
      RepoTags: [`${host}/app:1`],
      RepoDigests: [`${host}/app@${digest}`],
    })
    expect(engine.images.resolve(`${host}/app@${digest}`).id).toBe(image.id)
    expect(engine.events()).toEqual([`pull ${host}/app`])
    expect((await engine.content.list()).length).toBe(2)
  })

  it('fetches nothing twice', async () => {
    registry.push('1', await imageOf(['one', 'two']))
    await pull('app:1')
    engine.messages.length = 0
    await pull('app:1')
    expect(statuses().at(-1)).toBe(`Status: Image is up to date for ${host}/app:1`)
    const bigger = await imageOf(['one', 'two', 'three'])
    registry.push('1', bigger)
    engine.messages.length = 0
    registry.requests.length = 0
    await pull('app:1')
    expect(statuses().filter((line) => line!.endsWith('Already exists'))).toEqual(
      bigger.layers.slice(0, 2).map((layer) => `${layerId(layer)}: Already exists`),
    )
    expect(registry.requests.filter((path) => path.includes('/blobs/'))).toHaveLength(2)
    expect(engine.double.applied).toBe(3)
  })

  it('pulls by digest, and every tag', async () => {
    const { digest } = registry.push('1', await imageOf(['one']))
    registry.push('2', await imageOf(['two']))
    await pull(`app@${digest}`)
    expect(engine.images.list(false, new Map(), 1.47)).toMatchObject([
      { RepoTags: [], RepoDigests: [`${host}/app@${digest}`] },
    ])
    await pull('app')
    expect(engine.images.list(false, new Map(), 1.47)).toHaveLength(2)
    expect(engine.images.resolve(`${host}/app:2`)).toBeDefined()
  })

  it('takes this platform out of an index, or the one asked for', async () => {
    const [here, there] = [await imageOf(['here']), await imageOf(['there'], { architecture: 'arm64' })]
    const manifests = [
      { ...registry.push('there', there), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { ...registry.push('here', here), platform: { os: 'linux', architecture: 'amd64' } },
    ]
    registry.put('1', mediaTypes.dockerIndex, JSON.stringify({ schemaVersion: 2, manifests }))
    await pull('app:1')
    expect(engine.images.resolve(`${host}/app:1`).id).toBe(here.id)
    await pull('app:1', 'linux/arm64')
    expect(engine.images.resolve(`${host}/app:1`).id).toBe(there.id)
    await expect(pull('app:1', 'linux/s390x')).rejects.toThrow(
      'no matching manifest for linux/s390x in the manifest list entries',
    )
  })

  it('answers a challenge with a token, and keeps it from the host that blobs are redirected to', async () => {
    const image = await imageOf(['one'])
    registry.push('1', image)
    registry.authorization = 'Bearer secret'
    const storage = new Registry()
    registry.storage = await storage.start()
    for (const [digest, blob] of registry.blobs) storage.blobs.set(digest, blob)
    await pull('app:1')
    storage.stop()
    expect(engine.images.resolve(`${host}/app:1`).id).toBe(image.id)
    expect(registry.requests).toContain('/v2/app/manifests/1 with Bearer secret')
    expect(storage.requests).toHaveLength(2)
    expect(storage.requests.filter((request) => request.includes('with'))).toEqual([])
  })

  it('tries again when the connection breaks', async () => {
    const image = await imageOf(['one'])
    registry.push('1', image)
    registry.breaks.push(digestOf(gzipSync(image.layers[0]!)))
    await pull('app:1')
    expect(engine.images.resolve(`${host}/app:1`).id).toBe(image.id)
  })

  describe('leaves nothing of', () => {
    it.each([
      [
        'a tag that is not there',
        'app:nosuch',
        () => `manifest for ${host}/app:nosuch not found: manifest unknown: manifest unknown`,
      ],
      [
        'a digest that is not there',
        `app@${digestOf('x')}`,
        () => `manifest for ${host}/app@${digestOf('x')} not found: manifest unknown`,
      ],
      ['a repository that is not there', 'nosuch', () => 'name unknown: name unknown'],
    ])('%s', async (_, name, message) => {
      await expect(pull(name)).rejects.toThrow(message())
      await expectNothing()
    })

    it('a manifest that its digest does not fit', async () => {
      const digest = digestOf('something else')
      registry.push('1', await imageOf(['one']))
      registry.manifests.set(digest, registry.manifests.get('1')!)
      await expect(pull(`app@${digest}`)).rejects.toThrow(`manifest verification failed for digest ${digest}`)
    })

    it.each([
      [
        'a layer that its digest does not fit',
        (layer: Buffer) => layer.fill(0, 20, 30),
        'filesystem layer verification failed for digest',
      ],
      [
        'a layer with too many bytes',
        (layer: Buffer) => Buffer.concat([layer, layer]),
        /the registry has \d+ of the \d+ bytes that the manifest tells/,
      ],
      [
        'a layer with too few bytes',
        (layer: Buffer) => layer.subarray(0, 30),
        /the registry has 30 of the \d+ bytes that the manifest tells/,
      ],
    ])('%s', async (_, spoil, message) => {
      const image = await imageOf(['one', 'two', 'three', 'four', 'five'])
      registry.push('1', image)
      const layer = gzipSync(image.layers[3]!)
      registry.blobs.set(digestOf(layer), spoil(Buffer.from(layer)))
      await expect(pull('app:1')).rejects.toThrow(message)
      await expectNothing()
    })

    it('a layer that is not what the configuration says', async () => {
      const [image, other] = [await imageOf(['one', 'two']), await imageOf(['one', 'other'])]
      registry.push('1', { ...image, layers: other.layers })
      await expect(pull('app:1')).rejects.toThrow('does not hold what it should')
      await expectNothing()
    })

    it('a layer that the machine refuses', async () => {
      registry.push('1', await imageOf(['one', 'two']))
      engine.double.refuse = new GuestError('invalid', 'invalid path "../../etc/passwd"')
      await expect(pull('app:1')).rejects.toThrow('invalid path "../../etc/passwd"')
      await expectNothing()
    })

    it('a missing blob', async () => {
      const image = await imageOf(['one'])
      registry.push('1', image)
      registry.blobs.delete(digestOf(gzipSync(image.layers[0]!)))
      await expect(pull('app:1')).rejects.toThrow('blob unknown: blob unknown')
      await expectNothing()
    })

    it('what is no image', async () => {
      const config = { ...descriptor('application/vnd.cncf.helm.config.v1+json', '{}') }
      registry.push('1', await imageOf(['one']), { config })
      await expect(pull('app:1')).rejects.toThrow('unsupported media type application/vnd.cncf.helm.config.v1+json')
      registry.put('old', 'application/vnd.docker.distribution.manifest.v1+prettyjws', '{"schemaVersion":1}')
      await expect(pull('app:old')).rejects.toThrow('schema 1 are not supported')
      await expectNothing()
    })

    it('a pull that was given up', async () => {
      const image = await imageOf(['one', 'two'])
      registry.push('1', image)
      const giveUp = new AbortController()
      const pulling = engine.images.transfers.pull(
        parseReference(`${host}/app:1`),
        ({ status }) => {
          if (status === 'Download complete') giveUp.abort()
        },
        giveUp.signal,
      )
      await expect(pulling).rejects.toThrow('aborted')
      await expectNothing()
    })
  })

  it('says why a registry cannot be reached', async () => {
    registry.stop()
    await expect(pull('app:1')).rejects.toThrow(
      `Get "http://${host}/v2/": dial tcp ${host}: connect: connection refused`,
    )
  })
})
