import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseReference } from '../../../shared/reference'
import { imageOf, imagesForTest } from '../images/testing'
import { defaultConfig } from '../system/config'
import { Registries } from './registries'
import { searchImages } from './search'
import { Registry } from './testing'

const forever = new AbortController().signal

describe('registries', () => {
  let registry: Registry
  let host: string
  let registries: Registries

  beforeEach(async () => {
    registry = new Registry()
    host = await registry.start()
    registries = new Registries(defaultConfig, '/nosuch')
  })
  afterEach(async () => {
    registry.stop()
    await registries.close()
  })

  describe('log in', () => {
    const secret = `Basic ${Buffer.from('ann:secret').toString('base64')}`
    const ann = (password: string) => ({ username: 'ann', password })

    it('with a name and a password, by any form of the address', async () => {
      registry.authorization = secret
      for (const address of [host, `http://${host}`, `https://${host}/v1/`])
        expect(await registries.login(address, ann('secret'))).toBe('')
    })

    it('at a token server, which may give a lasting token', async () => {
      registry.authorization = 'Bearer short'
      registry.token = { token: 'short', refresh_token: 'lasting' }
      expect(await registries.login(host, ann('secret'))).toBe('lasting')
      expect(registry.tokenRequests).toEqual(['GET account=ann&service=registry&offline_token=true&client_id=docker'])
    })

    it('with the wrong password', async () => {
      registry.authorization = secret
      await expect(registries.login(host, ann('wrong'))).rejects.toMatchObject({
        kind: 'unauthorized',
        message: `login attempt to http://${host}/v2/ failed with status: 401 Unauthorized`,
      })
      registry.authorization = 'Bearer short'
      registry.lie = (_, response, path) => {
        if (path !== '/token') return false
        response.writeHead(401).end('{"details":"incorrect username or password"}')
        return true
      }
      await expect(registries.login(host, ann('wrong'))).rejects.toMatchObject({
        kind: 'unauthorized',
        message: `Get "http://${host}/v2/": unauthorized: incorrect username or password`,
      })
    })

    it('where nobody answers', async () => {
      registry.stop()
      await expect(registries.login(host, ann('secret'))).rejects.toMatchObject({
        kind: 'internal',
        message: `Get "http://${host}/v2/": dial tcp ${host}: connect: connection refused`,
      })
    })
  })

  describe('searched', () => {
    const results = [
      { name: 'ann/app', description: 'An app', is_official: false, is_automated: true, star_count: 3 },
      { name: 'base', description: null, is_official: true, star_count: 100 },
    ]
    const search = (wanted: Record<string, string[]> = {}, version = 1.47) =>
      searchImages(
        registries,
        `${host}/app`,
        { limit: 10, wanted: new Map(Object.entries(wanted)), credentials: undefined, version },
        forever,
      )

    it('answer in the API’s shape, filtered', async () => {
      registry.lie = (request, response) => {
        if (request.url !== '/v1/search?q=app&n=10') return false
        response.end(JSON.stringify({ results }))
        return true
      }
      expect(await search()).toEqual([
        { name: 'ann/app', description: 'An app', is_official: false, is_automated: false, star_count: 3 },
        { name: 'base', description: '', is_official: true, is_automated: false, star_count: 100 },
      ])
      expect(await search({ 'is-official': ['true'] })).toMatchObject([{ name: 'base' }])
      expect(await search({ 'is-automated': ['true'] }, 1.43)).toMatchObject([{ name: 'ann/app' }])
      expect(await search({ stars: ['4'] })).toMatchObject([{ name: 'base' }])
      await expect(search({ stars: ['many'] })).rejects.toThrow("invalid filter 'stars=[many]'")
    })

    it('say when they have no search', async () => {
      await expect(search()).rejects.toThrow('Unexpected status code 404')
    })
  })

  it('are passed over when they are mirrors that cannot help', async () => {
    const [broken, mirror] = [new Registry(), new Registry()]
    broken.lie = (_, response) => {
      response.writeHead(500).end()
      return true
    }
    const mirrors = [`http://${host}`, `http://${await broken.start()}`, `http://${await mirror.start()}`]
    const image = await imageOf(['one'])
    mirror.push('1', image)
    mirror.repositories.set('library/app', mirror.repositories.get('app')!)
    const engine = await imagesForTest('amd64', { 'registry-mirrors': mirrors })
    const credentials = { username: 'ann', password: 'secret' }
    await engine.images.transfers.pull(parseReference('app:1'), () => undefined, forever, { credentials })
    expect(engine.images.resolve('app:1').id).toBe(image.id)
    expect(mirror.requests.filter((path) => path.includes('with'))).toEqual([])
    await engine.close()
    broken.stop()
    mirror.stop()
  })

  it('are reached through a proxy', async () => {
    const proxies = { 'http-proxy': `http://${host}`, 'https-proxy': `http://${host}` }
    registry.server.on('connect', (_, socket) => socket.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n'))
    const image = await imageOf(['one'])
    registry.push('1', image)
    const engine = await imagesForTest('amd64', { 'insecure-registries': ['registry.test'], proxies })
    await engine.images.transfers.pull(parseReference('registry.test/app:1'), () => undefined, forever)
    expect(engine.images.resolve('registry.test/app:1').id).toBe(image.id)
    await engine.close()
  })
})
