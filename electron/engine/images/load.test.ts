import { gzipSync } from 'node:zlib'
import { packTar, unpackTar } from 'modern-tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GuestError } from '../../machine/link'
import { digestOf } from '../store/content'
import { chainIds, guestLayer, mediaTypes } from './oci'
import { chunks, dockerArchive, imageOf, imagesForTest, tarOf, type TestFile, type TestImage } from './testing'

const blobFile = (body: Uint8Array | string): TestFile => ({
  name: `blobs/${digestOf(body).replace(':', '/')}`,
  body,
})
const descriptor = (mediaType: string, body: Uint8Array | string, extra: object = {}) => ({
  mediaType,
  digest: digestOf(body),
  size: body.length,
  ...extra,
})

/** The files of an OCI image layout with one index of one image a platform; layers are compressed. */
function layoutOf(images: readonly TestImage[], annotations: object): TestFile[] {
  const files: TestFile[] = []
  const manifests = images.map((image) => {
    const { architecture } = JSON.parse(image.config.toString()) as { architecture: string }
    const layers = image.layers.map((layer) => gzipSync(layer))
    const manifest = JSON.stringify({
      schemaVersion: 2,
      config: descriptor(mediaTypes.ociConfig, image.config),
      layers: layers.map((layer) => descriptor(`${mediaTypes.ociLayer}+gzip`, layer)),
    })
    files.push(...[manifest, image.config, ...layers].map(blobFile))
    return descriptor(mediaTypes.ociManifest, manifest, { platform: { os: 'linux', architecture } })
  })
  const index = JSON.stringify({ schemaVersion: 2, manifests })
  const top = { schemaVersion: 2, manifests: [descriptor(mediaTypes.ociIndex, index, { annotations })] }
  return [
    { name: 'index.json', body: JSON.stringify(top) },
    { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' },
    blobFile(index),
    ...files,
  ]
}

describe('load', () => {
  let engine: Awaited<ReturnType<typeof imagesForTest>>
  beforeEach(async () => (engine = await imagesForTest()))
  afterEach(() => engine.close())

  async function expectNothing() {
    expect(engine.images.list(true, new Map(), 1.47)).toEqual([])
    expect(await engine.content.list()).toEqual([])
    expect([...engine.double.layers.keys()]).toEqual([])
  }

  it('reads a docker-archive, unpacks its layers in order, and keeps nothing but them', async () => {
    const image = await imageOf(['one', 'two'])
    await engine.load(await dockerArchive(image, ['app:1', 'localhost:5000/app:2']))
    expect(engine.told()).toBe('Loaded image: app:1\nLoaded image: localhost:5000/app:2\n')
    expect(engine.images.resolve('app:1')).toMatchObject({ id: image.id, config: { Cmd: ['sh'] } })
    const [bottom, top] = chainIds(image.layers.map((layer) => digestOf(layer))).map(guestLayer)
    expect(await engine.images.ensureUnpacked(image.id)).toEqual([top, bottom])
    expect([...engine.double.layers]).toEqual([
      [bottom, { diffId: digestOf(image.layers[0]!), parents: [] }],
      [top, { diffId: digestOf(image.layers[1]!), parents: [bottom] }],
    ])
    expect((await engine.content.list()).sort()).toEqual(image.layers.map((layer) => digestOf(layer)).sort())
    expect(engine.events()).toEqual([`load ${image.id}`])
  })

  it('names an image without tags by its id', async () => {
    const image = await imageOf(['one'])
    await engine.load(await dockerArchive(image, []))
    expect(engine.told()).toBe(`Loaded image ID: ${image.id}\n`)
  })

  it('reads archives that are compressed as a whole', async () => {
    const image = await imageOf(['one'])
    await engine.load(gzipSync(await dockerArchive(image, ['app'])))
    expect(engine.images.resolve('app').id).toBe(image.id)
  })

  it('follows links between layers, as old archives have them', async () => {
    const image = await imageOf(['one'])
    const item = { Config: 'c.json', RepoTags: ['old:1'], Layers: ['b/layer.tar'] }
    const archive = await packTar([
      { header: { name: 'b/layer.tar', size: 0, type: 'symlink', linkname: '../a/layer.tar' } },
      { header: { name: 'a/layer.tar', size: image.layers[0]!.length }, body: image.layers[0]! },
      { header: { name: 'c.json', size: image.config.length }, body: image.config },
      { header: { name: 'manifest.json', size: JSON.stringify([item]).length }, body: JSON.stringify([item]) },
    ])
    await engine.load(archive)
    expect(engine.images.resolve('old:1').id).toBe(image.id)
  })

  it('takes this platform out of a multi-platform layout, and leaves the others out', async () => {
    const here = await imageOf(['here'])
    const there = await imageOf(['there'], { architecture: 'arm64' })
    const files = layoutOf([there, here], { 'io.containerd.image.name': 'docker.io/library/multi:latest' })
    await engine.load(await tarOf(files))
    expect(engine.told()).toBe('Loaded image: multi:latest\n')
    expect(engine.images.resolve('multi')).toMatchObject({ id: here.id, architecture: 'amd64' })
    expect(await engine.content.list()).toEqual([digestOf(gzipSync(here.layers[0]!))])
  })

  it('refuses an image with nothing for this machine', async () => {
    const there = await imageOf(['there'], { architecture: 'arm64' })
    await expect(engine.load(await tarOf(layoutOf([there], {})))).rejects.toThrow(
      'no matching manifest for linux/amd64 in the manifest list entries',
    )
    await expectNothing()
  })

  it('moves a name that another image has, and says so', async () => {
    const [old, young] = [await imageOf(['old']), await imageOf(['young'])]
    await engine.load(await dockerArchive(old, ['app']))
    await engine.load(await dockerArchive(young, ['app']))
    expect(engine.told()).toContain(
      `The image app:latest already exists, renaming the old one with ID ${old.id} to empty string\n`,
    )
    expect(engine.images.resolve('app').id).toBe(young.id)
    expect(engine.images.resolve(old.id).id).toBe(old.id)
  })

  it('unpacks again what the guest has lost', async () => {
    const image = await imageOf(['one', 'two'])
    await engine.load(await dockerArchive(image, ['app']))
    engine.double.layers.clear()
    engine.images.guestHas([])
    await Promise.all([engine.images.ensureUnpacked(image.id), engine.images.ensureUnpacked(image.id)])
    expect(engine.double.layers.size).toBe(2)
    expect(engine.double.applied).toBe(4)
  })

  it('clears away what a killed engine left: blobs and unpacked layers without an image', async () => {
    const image = await imageOf(['one'])
    await engine.load(await dockerArchive(image, ['app']))
    await engine.content.ingest(chunks(Buffer.from('left')), new Set())
    engine.double.layers.set('0123456789abcdef', { diffId: '', parents: [] })
    engine.images.guestHas([...engine.double.layers.keys()])
    await engine.images.remove('app', { force: false, prune: true })
    expect(await engine.content.list()).toEqual([])
    expect(engine.double.layers.size).toBe(0)
  })

  describe('leaves nothing of bad input', () => {
    const bad: [what: string, archive: () => Promise<Uint8Array>, message: string | RegExp][] = [
      [
        'an archive cut short',
        async () => (await good()).subarray(0, 3000),
        'invalid archive: Tar archive is truncated',
      ],
      ['noise', async () => Buffer.alloc(4096, 7), /^invalid archive: /],
      ['an empty file', async () => Buffer.alloc(0), /^invalid archive: /],
      ['gzip cut short', async () => gzipSync(await good()).subarray(0, 200), 'gzip: unexpected end of file'],
      ['corrupt gzip', async () => corrupt(gzipSync(await good())), /^gzip: /],
      ['a tar that is no image', () => tarOf([{ name: 'x', body: 'y' }]), 'neither a manifest.json nor an index.json'],
      ['a manifest that is no JSON', () => tarOf([{ name: 'manifest.json', body: '[{' }]), 'invalid manifest.json'],
      ['a manifest of another shape', () => tarOf([{ name: 'manifest.json', body: '[{"Layers":1}]' }]), '0.Config'],
      [
        'a layer that is missing',
        () =>
          tarOf([
            { name: 'manifest.json', body: '[{"Config":"c","Layers":["../../etc/passwd"]}]' },
            { name: 'c', body: '{}' },
          ]),
        'invalid archive: ../../etc/passwd is missing',
      ],
      [
        'another number of layers',
        async () => withLayers(await imageOf(['one', 'two']), 1),
        'layers length mismatch: expected 2, got 1',
      ],
      ['a layer that is not the one named', async () => swapped(), /^layer sha256:\w+ does not hold what it should/],
      ['a name that is none', async () => dockerArchive(await imageOf(['one']), ['NO:GOOD']), 'invalid tag "NO:GOOD"'],
      ['a blob that its digest does not fit', tamperedLayout, /^invalid archive: blobs\/sha256\/\w+ holds sha256:/],
      [
        'another operating system',
        async () => dockerArchive(await imageOf(['one'], { os: 'windows' }), []),
        'cannot run images of operating system "windows"',
      ],
    ]
    it.each(bad)('%s', async (_, archive, message) => {
      await expect(engine.load(await archive())).rejects.toThrow(message)
      await expectNothing()
    })

    it.each([
      ['a path that climbs out', new GuestError('invalid', 'invalid path "../../etc/passwd"')],
      ['a full disk in the machine', new GuestError('noSpace', 'no space left on device')],
    ])('%s', async (_, refusal) => {
      engine.double.refuse = refusal
      await expect(engine.load(await good())).rejects.toThrow(refusal.message)
      await expectNothing()
    })

    it('but what was there before', async () => {
      const image = await imageOf(['one'])
      await engine.load(await dockerArchive(image, ['app']))
      await expect(engine.load(await withLayers(await imageOf(['one', 'two']), 1))).rejects.toThrow()
      expect(engine.images.resolve('app').id).toBe(image.id)
      expect(engine.double.layers.size).toBe(1)
      expect(await engine.content.list()).toEqual([digestOf(image.layers[0]!)])
    })

    const good = async () => dockerArchive(await imageOf(['one', 'two']), ['app'])
    const withLayers = (image: TestImage, count: number) =>
      dockerArchive({ ...image, layers: image.layers.slice(0, count) }, ['app'])
    async function swapped() {
      const [image, other] = [await imageOf(['one']), await imageOf(['other'])]
      return dockerArchive({ ...image, layers: other.layers }, ['app'])
    }
    async function tamperedLayout() {
      const files = layoutOf([await imageOf(['one'])], {})
      return tarOf([...files.slice(0, -1), { ...files.at(-1)!, body: 'tampered' }])
    }
    function corrupt(bytes: Buffer) {
      bytes[bytes.length - 6]! ^= 1
      return bytes
    }
  })
})

describe('save', () => {
  it('gives an archive that loads as the same images, in both readings', async () => {
    const engine = await imagesForTest()
    const other = await imagesForTest()
    try {
      const [app, base] = [await imageOf(['one', 'two']), await imageOf(['one'])]
      await engine.load(await tarOf(layoutOf([app], { 'org.opencontainers.image.ref.name': 'app:1' })))
      await engine.load(await dockerArchive(base, ['base', 'base:2']))
      const parts: Uint8Array[] = []
      for await (const part of engine.images.archives.save(['app:1', 'base', base.id])) parts.push(part as Uint8Array)
      const archive = Buffer.concat(parts)
      await other.load(archive)
      expect(other.told()).toBe('Loaded image: app:1\nLoaded image: base:2\nLoaded image: base:latest\n')
      for (const [name, image] of [
        ['app:1', app],
        ['base:2', base],
      ] as const) {
        expect(other.images.resolve(name).id).toBe(image.id)
      }

      const entries = await unpackTar(archive)
      const third = await imagesForTest()
      const files = entries.filter(({ header }) => header.name !== 'manifest.json')
      await third.load(await tarOf(files.map(({ header, data }) => ({ name: header.name, body: data! }))))
      expect(third.images.resolve('app:1').id).toBe(app.id)
      expect(third.images.resolve('base:latest').id).toBe(base.id)
      await third.close()
    } finally {
      await engine.close()
      await other.close()
    }
  })

  it('is whole even when the image is removed meanwhile', async () => {
    const engine = await imagesForTest()
    const image = await imageOf(['a'.repeat(3_000_000), 'b'.repeat(12_000_000)])
    await engine.load(await dockerArchive(image, ['app']))
    const saving = engine.images.archives.save(['app']).iterator()
    const parts = [(await saving.next()).value as Uint8Array]
    await engine.images.remove('app', { force: false, prune: true })
    for await (const part of saving) parts.push(part as Uint8Array)
    await engine.load(Buffer.concat(parts))
    expect(engine.images.resolve('app').id).toBe(image.id)
    await engine.close()
  })

  it('refuses what is not there', async () => {
    const engine = await imagesForTest()
    expect(() => engine.images.archives.save(['nosuch'])).toThrow('No such image: nosuch:latest')
    await engine.close()
  })
})

describe('import', () => {
  it('makes an image of a file system, with changes', async () => {
    const engine = await imagesForTest('386')
    const tar = await tarOf([{ name: 'etc/hostname', body: 'x' }])
    const options = { message: 'from a test', changes: ['CMD ["sh"]'] }
    const id = await engine.images.archives.import(chunks(gzipSync(tar)), options)
    expect(engine.images.resolve(id)).toMatchObject({ architecture: '386', config: { Cmd: ['sh'] } })
    expect(engine.images.inspect(id, 1.47)).toMatchObject({
      Comment: 'from a test',
      RootFS: { Layers: [digestOf(tar)] },
    })
    await expect(engine.images.archives.import(chunks(gzipSync(tar).subarray(0, 30)), options)).rejects.toThrow('gzip')
    expect(await engine.content.list()).toEqual([digestOf(tar)])
    await engine.close()
  })
})
