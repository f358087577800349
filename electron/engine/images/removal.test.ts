import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseReference } from '../../../shared/reference'
import { digestOf } from '../store/content'
import { chainIds } from './oci'
import { dockerArchive, imageOf, imagesForTest, type TestImage } from './testing'

const container = { id: 'c0ffee'.padEnd(64, '0'), name: 'web' }

describe('remove', () => {
  let engine: Awaited<ReturnType<typeof imagesForTest>>
  let image: TestImage
  let chain: string[]
  let short: string
  const remove = (given: string, force = false) => engine.images.remove(given, { force, prune: true })
  const names = () =>
    (engine.images.list(true, new Map(), 1.47) as { RepoTags: string[] }[]).map((each) => each.RepoTags)

  beforeEach(async () => {
    engine = await imagesForTest()
    image = await imageOf(['one', 'two'])
    chain = chainIds(image.layers.map((layer) => digestOf(layer)))
    short = image.id.slice(7, 19)
    await engine.load(await dockerArchive(image, ['app:1']))
  })
  afterEach(() => engine.close())

  const deleted = () => [{ Deleted: image.id }, { Deleted: chain[1] }, { Deleted: chain[0] }]

  it.each([
    ['its only name', () => 'app:1'],
    ['its id', () => image.id],
    ['the beginning of its id', () => short],
  ])('by %s: untags, deletes, and clears away the layers', async (_, given) => {
    expect(await remove(given())).toEqual([{ Untagged: 'app:1' }, ...deleted()])
    expect(engine.events()).toEqual([`load ${image.id}`, `untag ${image.id}`, `delete ${image.id}`])
    expect(await engine.content.list()).toEqual([])
    expect(engine.double.layers.size).toBe(0)
    expect(() => engine.images.resolve('app:1')).toThrow('No such image: app:1')
  })

  it('only untags while there is another name', async () => {
    engine.images.tag('app:1', parseReference('other'))
    expect(await remove('app:1')).toEqual([{ Untagged: 'app:1' }])
    expect(names()).toEqual([['other:latest']])
    await expect(remove('app:1')).rejects.toThrow('No such image: app:1')
  })

  it('refuses the id of an image with names in several repositories, unless forced', async () => {
    engine.images.tag('app:1', parseReference('other'))
    await expect(remove(image.id)).rejects.toThrow(
      `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    )
    expect(await remove(image.id, true)).toEqual([{ Untagged: 'app:1' }, { Untagged: 'other:latest' }, ...deleted()])
  })

  it('keeps layers that another image has', async () => {
    await engine.load(await dockerArchive(await imageOf(['one', 'three']), ['other']))
    expect(await remove('app:1')).toEqual([{ Untagged: 'app:1' }, ...deleted().slice(0, 2)])
    expect(engine.double.layers.size).toBe(2)
    expect((await engine.content.list()).length).toBe(2)
  })

  describe('with a stopped container', () => {
    beforeEach(() => engine.users.set(image.id, [{ ...container, running: false }]))

    it('refuses the last name and the id', async () => {
      await expect(remove('app:1')).rejects.toThrow(
        `conflict: unable to remove repository reference "app:1" (must force) - ` +
          `container c0ffee000000 is using its referenced image ${short}`,
      )
      await expect(remove(short)).rejects.toThrow(
        `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container c0ffee000000`,
      )
      expect(names()).toEqual([['app:1']])
    })

    it('by force, the image goes and its layers stay until the container goes', async () => {
      expect(await remove('app:1', true)).toEqual([{ Untagged: 'app:1' }, { Deleted: image.id }])
      expect(() => engine.images.resolve(image.id)).toThrow('No such image')
      expect(await engine.images.ensureUnpacked(image.id)).toHaveLength(2)
      expect(engine.double.layers.size).toBe(2)

      engine.users.clear()
      const other = await imageOf(['other'])
      await engine.load(await dockerArchive(other, ['other']))
      await remove('other')
      expect(engine.double.layers.size).toBe(0)
      expect(await engine.content.list()).toEqual([])
    })

    it('comes back when it is loaded again', async () => {
      await remove('app:1', true)
      await engine.load(await dockerArchive(image, ['app:2']))
      engine.users.clear()
      expect(names()).toEqual([['app:2']])
      expect(await remove('app:2')).toEqual([{ Untagged: 'app:2' }, ...deleted()])
    })
  })

  it('with a running container: never by id, by name only the name by force', async () => {
    engine.users.set(image.id, [{ ...container, running: true }])
    await expect(remove(image.id, true)).rejects.toThrow(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container c0ffee000000`,
    )
    expect(await remove('app:1', true)).toEqual([{ Untagged: 'app:1' }])
    expect(names()).toEqual([[]])
  })

  it('prune removes what has no name and no container', async () => {
    await engine.load(await dockerArchive(await imageOf(['new']), ['app:1']))
    engine.users.set(image.id, [{ ...container, running: false }])
    expect(await engine.images.prune(false, new Map())).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 })
    engine.users.clear()
    const size = image.layers.reduce((sum, layer) => sum + layer.length, 0)
    expect(await engine.images.prune(false, new Map())).toEqual({ ImagesDeleted: deleted(), SpaceReclaimed: size })
    expect(names()).toEqual([['app:1']])
    expect((await engine.images.prune(true, new Map())).ImagesDeleted).toHaveLength(3)
    expect(names()).toEqual([])
  })
})

describe('finding images', () => {
  let engine: Awaited<ReturnType<typeof imagesForTest>>
  beforeEach(async () => (engine = await imagesForTest()))
  afterEach(() => engine.close())

  it('by name, id and beginning of the id; the name goes first', async () => {
    const image = await imageOf(['one'], { config: { Labels: { tier: 'web' } } })
    await engine.load(await dockerArchive(image, ['docker.io/library/app:latest']))
    for (const given of [
      'app',
      'app:latest',
      'library/app',
      image.id,
      image.id.slice(7),
      image.id.slice(7, 11),
      image.id.slice(0, 15),
    ])
      expect(engine.images.resolve(given).id).toBe(image.id)
    const other = await imageOf(['two'])
    await engine.load(await dockerArchive(other, [`${image.id.slice(7, 19)}:latest`]))
    expect(engine.images.resolve(image.id.slice(7, 19)).id).toBe(other.id)
  })

  it('only for the platform asked for', async () => {
    await engine.load(await dockerArchive(await imageOf(['one']), ['app']))
    expect(engine.images.resolve('app', 'linux/amd64').architecture).toBe('amd64')
    await engine.load(await dockerArchive(await imageOf(['one'], { architecture: 'arm64' }), ['foreign']))
    expect(engine.images.resolve('app').warnings).toEqual([])
    expect(engine.images.resolve('foreign').warnings).toEqual([
      "The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64) " +
        'and no specific platform was requested',
    ])
    expect(() => engine.images.resolve('app', 'linux/386')).toThrow(
      'image with reference app was found but its platform (linux/amd64) does not match the specified platform (linux/386)',
    )
  })

  it.each([
    ['nosuch', 'No such image: nosuch:latest'],
    ['nosuch:1', 'No such image: nosuch:1'],
    ['ann/app', 'No such image: ann/app:latest'],
    ['abc', 'No such image: abc:latest'],
    [`sha256:${'ab'.repeat(32)}`, `No such image: sha256:${'ab'.repeat(32)}`],
    ['a b', 'invalid reference format'],
    ['UPPER', 'repository name (library/UPPER) must be lowercase'],
  ])('%s is not there', (given, message) => {
    expect(() => engine.images.resolve(given)).toThrow(message)
  })

  it('by filter', async () => {
    const at = (created: string, tier: string) => ({ created, config: { Labels: { tier } } })
    await engine.load(
      await dockerArchive(await imageOf(['one'], at('2024-01-01T00:00:00Z', 'web')), ['app:1', 'ann/app:1']),
    )
    await engine.load(await dockerArchive(await imageOf(['two'], at('2024-02-01T00:00:00Z', 'db')), ['base:2']))
    await engine.load(await dockerArchive(await imageOf(['three'], at('2024-03-01T00:00:00Z', 'db')), []))
    const tags = (filters: Record<string, string[]>) =>
      (engine.images.list(false, new Map(Object.entries(filters)), 1.47) as { RepoTags: string[] }[]).map(
        (image) => image.RepoTags,
      )
    expect(tags({})).toEqual([[], ['base:2'], ['ann/app:1', 'app:1']])
    expect(tags({ dangling: ['true'] })).toEqual([[]])
    expect(tags({ reference: ['a*'] })).toEqual([['app:1']])
    expect(tags({ reference: ['*/app'] })).toEqual([['ann/app:1']])
    expect(tags({ reference: ['base:[12]', 'app:?'] })).toEqual([['base:2'], ['app:1']])
    expect(tags({ label: ['tier=db'] })).toEqual([[], ['base:2']])
    expect(tags({ before: ['base:2'] })).toEqual([['ann/app:1', 'app:1']])
    expect(tags({ since: ['base:2'] })).toEqual([[]])
    expect(tags({ until: ['2024-01-15T00:00:00Z'] })).toEqual([['ann/app:1', 'app:1']])
  })
})
