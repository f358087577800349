import { readdir } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseReference } from '../../../shared/reference'
import { defaultPatience } from '../registry/connections'
import { Registry } from '../registry/testing'
import { digestOf } from '../store/content'
import { maxDocument, mediaTypes } from './oci'
import { imageOf, imagesForTest, type TestImage } from './testing'

const impatience = { ...defaultPatience, headers: 300, idle: 300, document: 600 }

/** A text that does not become small by compression, so that its blob can break in the middle. */
const noise = Array.from({ length: 300 }, (_, at) => digestOf(String(at))).join('')

describe('a registry that is out of order', () => {
  let registry: Registry
  let host: string
  let engine: Awaited<ReturnType<typeof imagesForTest>>
  let image: TestImage
  let layer: Buffer
  let blobPath: string

  beforeEach(async () => {
    registry = new Registry()
    host = await registry.start()
    engine = await imagesForTest('amd64', {}, impatience)
    image = await imageOf([noise])
    registry.push('1', image)
    layer = gzipSync(image.layers[0]!)
    blobPath = `/v2/app/blobs/${digestOf(layer)}`
  })
  afterEach(async () => {
    registry.stop()
    await engine.close()
  })

  const pull = (signal = new AbortController().signal, name = 'app:1') =>
    engine.images.transfers.pull(
      parseReference(`${host}/${name}`),
      (message) => {
        engine.messages.push(message)
      },
      signal,
    )
  const aside = () => readdir(join(engine.dir, 'ingest'))
  const asked = () => registry.requests.filter((path) => path === blobPath).length
  const expectThere = () => expect(engine.images.resolve(`${host}/app:1`).id).toBe(image.id)

  async function expectNothing() {
    expect(engine.images.list(true, new Map(), 1.47)).toEqual([])
    expect(await engine.content.list()).toEqual([])
    expect(engine.double.layers.size).toBe(0)
  }

  /** Sends the first half of the layer's blob, then breaks off; counts what Range it was asked for. */
  function breakOnce(): string[] {
    const ranges: string[] = []
    registry.lie = (request, response, path) => {
      if (path !== blobPath) return false
      ranges.push(request.headers.range ?? '')
      if (ranges.length > 1) return false
      response.writeHead(200, { 'content-length': layer.length })
      response.write(layer.subarray(0, layer.length / 2), () => response.destroy())
      return true
    }
    return ranges
  }

  async function pullUntilItBreaks() {
    const giveUp = new AbortController()
    const pulling = engine.images.transfers.pull(
      parseReference(`${host}/app:1`),
      ({ status }) => {
        if (status?.startsWith('Retrying')) giveUp.abort()
      },
      giveUp.signal,
    )
    await expect(pulling).rejects.toThrow('aborted')
  }

  it('is asked for the rest when the connection breaks', async () => {
    const ranges = breakOnce()
    await pull()
    expectThere()
    expect(ranges).toEqual(['', expect.stringMatching(/^bytes=[1-9]\d*-$/)])
    expect(engine.messages.map(({ status }) => status)).toContain('Retrying in 1 second')
    expect(await aside()).toEqual([])
  })

  it('may know nothing of ranges', async () => {
    const ranges: string[] = []
    breakOnce()
    const broken = registry.lie
    registry.lie = (request, response, path) => {
      if (path !== blobPath) return false
      ranges.push(request.headers.range ?? '')
      if (broken(request, response, path)) return true
      response.writeHead(200, { 'content-length': layer.length }).end(layer)
      return true
    }
    await pull()
    expectThere()
    expect(ranges).toHaveLength(2)
  })

  it.each([
    ['another beginning', (length: number) => ({ 'content-range': `bytes 0-${length - 1}/${length}` })],
    ['another length', (length: number) => ({ 'content-range': `bytes ${length / 2}-${length}/${length + 1}` })],
    ['nothing', () => ({})],
  ])('is asked for all again when its Content-Range tells %s', async (_, headers) => {
    const ranges = breakOnce()
    const broken = registry.lie
    registry.lie = (request, response, path) => {
      if (path === blobPath && request.headers.range) {
        ranges.push(request.headers.range)
        response.writeHead(206, headers(layer.length)).end(layer)
        return true
      }
      return broken(request, response, path)
    }
    await pull()
    expectThere()
    expect(ranges.at(-1)).toBe('')
  })

  it('is believed no more than its digest: a resumed blob that is wrong is fetched whole once more', async () => {
    breakOnce()
    await pullUntilItBreaks()
    registry.lie = (request, response, path) => {
      if (path !== blobPath || !request.headers.range) return false
      const from = Number(/\d+/.exec(request.headers.range)![0])
      const range = `bytes ${from}-${layer.length - 1}/${layer.length}`
      response.writeHead(206, { 'content-range': range }).end(Buffer.alloc(layer.length - from))
      return true
    }
    await pull()
    expectThere()
  })

  it('is not asked again for what came before the pull was given up, also after a restart', async () => {
    const ranges = breakOnce()
    await pullUntilItBreaks()
    await expectNothing()
    expect(await aside()).toHaveLength(1)
    await engine.content.open()
    await pull()
    expectThere()
    expect(ranges).toEqual(['', expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })

  it('fetches a layer once for two pulls, and goes on when one of them is given up', async () => {
    registry.push('2', image)
    let release: () => void = () => undefined
    registry.lie = (_, response, path) => {
      if (path !== blobPath) return false
      response.writeHead(200, { 'content-length': layer.length })
      response.write(layer.subarray(0, 10))
      release = () => response.end(layer.subarray(10))
      return true
    }
    const giveUp = new AbortController()
    const first = pull(giveUp.signal)
    const second = pull(new AbortController().signal, 'app:2')
    await expect
      .poll(() => engine.messages.filter(({ status }) => status === 'Downloading').length, { timeout: 10_000 })
      .toBeGreaterThan(1)
    giveUp.abort()
    await expect(first).rejects.toThrow()
    release()
    await second
    expect(engine.images.resolve(`${host}/app:2`).id).toBe(image.id)
    expect(asked()).toBe(1)
  })

  it.each([429, 500, 503])('is asked again after %i', async (status) => {
    let refusals = 2
    registry.lie = (_, response, path) => {
      if (path !== blobPath || refusals-- <= 0) return false
      response.writeHead(status, { 'retry-after': '0' }).end('too busy')
      return true
    }
    await pull()
    expectThere()
    expect(asked()).toBe(3)
  })

  it.each([
    ['503 for ever', 503, {}, 'received unexpected HTTP status: 503 Service Unavailable', 5],
    ['429 with a wait of an hour', 429, { 'retry-after': '3600' }, 'toomanyrequests: slow down', 1],
    ['403', 403, {}, /error parsing HTTP 403 response body/, 1],
  ])('answers %s', async (_, status, headers, message, times) => {
    registry.lie = (__, response, path) => {
      if (path !== blobPath) return false
      response.writeHead(status, headers).end('slow down')
      return true
    }
    await expect(pull()).rejects.toThrow(message)
    expect(asked()).toBe(times)
    await expectNothing()
  })

  it.each([
    ['does not begin its answer', () => undefined, 'timeout awaiting response headers'],
    [
      'stops in the middle of a blob',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': layer.length }).write('x')
      },
      'i/o timeout',
    ],
  ])('%s', async (_, answer, message) => {
    await engine.close()
    engine = await imagesForTest('amd64', { 'max-download-attempts': 1 }, impatience)
    registry.lie = (__, response, path) => {
      if (path !== blobPath) return false
      answer(response)
      return true
    }
    await expect(pull()).rejects.toThrow(message)
    await expectNothing()
  })

  it('sends less than it should, without saying so', async () => {
    registry.lie = (_, response, path) => {
      if (path !== blobPath) return false
      response.writeHead(200).end(layer.subarray(0, 50))
      return true
    }
    await expect(pull()).rejects.toThrow(`unexpected EOF: got 50 of ${layer.length} bytes`)
    await expectNothing()
  })

  it('sends more than it should, without saying so', async () => {
    registry.lie = (_, response, path) => {
      if (path !== blobPath) return false
      response.writeHead(200).end(Buffer.concat([layer, layer]))
      return true
    }
    await expect(pull()).rejects.toThrow(`has more than the ${layer.length} bytes that it should have`)
    await expectNothing()
    expect(await aside()).toEqual([])
  })

  describe('with manifests that are none', () => {
    const manifest = (extra: object) => registry.put('1', mediaTypes.ociManifest, JSON.stringify(extra))

    it('one without an end', async () => {
      registry.lie = (request, response, path) => {
        if (path !== '/v2/app/manifests/1' || request.method !== 'GET') return false
        response.writeHead(200, { 'content-type': mediaTypes.ociManifest })
        response.end(Buffer.alloc(maxDocument + 1, ' '))
        return true
      }
      registry.manifests.clear()
      await expect(pull()).rejects.toThrow(`more than ${maxDocument} bytes`)
    })

    it('one that never comes whole', async () => {
      registry.lie = (request, response, path) => {
        if (path !== '/v2/app/manifests/1' || request.method !== 'GET') return false
        response.writeHead(200, { 'content-type': mediaTypes.ociManifest }).write('{')
        const drip = setInterval(() => response.write(' '), 50)
        response.on('close', () => clearInterval(drip))
        return true
      }
      registry.manifests.clear()
      await expect(pull()).rejects.toThrow('context deadline exceeded')
    })

    it('one of another type than it says', async () => {
      const body = registry.manifests.get('1')!.body
      registry.put('1', mediaTypes.dockerManifest, body)
      await expect(pull()).rejects.toThrow(
        `mediaType in manifest should be '${mediaTypes.dockerManifest}' not '${mediaTypes.ociManifest}'`,
      )
    })

    it('one that is an index too', async () => {
      manifest({ schemaVersion: 2, config: {}, layers: [], manifests: [] })
      await expect(pull()).rejects.toThrow('it is a manifest and an index at once')
    })

    it('indexes without an end', async () => {
      let inner = registry.manifests.get('1')!
      for (let depth = 0; depth < 5; depth++) {
        const found = registry.put('1', inner.type, inner.body)
        const manifests = [{ ...found, platform: { os: 'linux', architecture: 'amd64' } }]
        inner = { type: mediaTypes.ociIndex, body: JSON.stringify({ schemaVersion: 2, manifests }) }
      }
      registry.put('1', inner.type, inner.body)
      await expect(pull()).rejects.toThrow('index of an index')
    })

    it('a configuration that is not what its digest says', async () => {
      registry.blobs.set(image.id, Buffer.alloc(image.config.length))
      await expect(pull()).rejects.toThrow(`image config verification failed for digest ${image.id}`)
    })

    afterEach(expectNothing)
  })

  it('redirects for ever', async () => {
    registry.lie = (_, response, path) => {
      if (path !== blobPath) return false
      response.writeHead(307, { location: blobPath }).end()
      return true
    }
    await expect(pull()).rejects.toThrow('stopped after 10 redirects')
    await expectNothing()
  })
})
