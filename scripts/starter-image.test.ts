import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { unpackTar } from 'modern-tar'
import { expect, it } from 'vitest'
import { archive } from './starter-image.mjs'

const busybox = (text: string) => Buffer.from(`\x7fELF ${text}\0[\0[[\0busybox\0sh\0true\0\0`)
const date = new Date('2026-01-02T03:04:05Z')
const packages = [
  { architecture: 'amd64', version: '1.0', program: busybox('64 bits'), date },
  { architecture: '386', version: '1.0', program: busybox('32 bits'), date },
]

type Descriptor = { mediaType: string; digest: string; size: number; platform?: { architecture: string; os: string } }

async function read() {
  const entries = await unpackTar(await archive(packages))
  const files = new Map(entries.map(({ header, data }) => [header.name, Buffer.from(data ?? [])]))
  const json = (name: string) => JSON.parse(files.get(name)!.toString())
  const blob = ({ digest }: Descriptor) => files.get(`blobs/${digest.replace(':', '/')}`)!
  return { files, json, blob, blobJson: (descriptor: Descriptor) => JSON.parse(blob(descriptor).toString()) }
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

it('is an OCI layout whose blobs have the digests and sizes that name them', async () => {
  const { files, json, blob, blobJson } = await read()
  expect(json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' })
  const blobs = [...files].filter(([name]) => name.startsWith('blobs/sha256/') && !name.endsWith('/'))
  for (const [name, data] of blobs) expect(name).toBe(`blobs/sha256/${sha256(data)}`)

  const [image] = json('index.json').manifests
  expect(image.annotations).toMatchObject({ 'io.containerd.image.name': 'docker.io/library/busybox:latest' })
  const manifests: Descriptor[] = blobJson(image).manifests
  expect(manifests.map(({ platform }) => platform)).toEqual([
    { architecture: 'amd64', os: 'linux' },
    { architecture: '386', os: 'linux' },
  ])
  for (const manifest of manifests) {
    const { config, layers } = blobJson(manifest)
    for (const part of [manifest, config, ...layers]) expect(blob(part).length).toBe(part.size)
    expect(blobJson(config)).toMatchObject({
      architecture: manifest.platform!.architecture,
      created: '2026-01-02T03:04:05.000Z',
      config: { Cmd: ['sh'] },
      rootfs: { diff_ids: [`sha256:${sha256(gunzipSync(blob(layers[0])))}`] },
    })
  }
})

it('has a root file system with busybox under each of its names', async () => {
  const { json, blobJson, blob } = await read()
  const manifest = blobJson(blobJson(json('index.json').manifests[0]).manifests[1])
  const entries = await unpackTar(gunzipSync(blob(manifest.layers[0])))
  const found = new Map(entries.map(({ header, data }) => [header.name, { ...header, data }]))
  expect(Buffer.from(found.get('bin/busybox')!.data!).equals(busybox('32 bits'))).toBe(true)
  for (const name of ['[', '[[', 'sh', 'true'])
    expect(found.get(`bin/${name}`)).toMatchObject({ type: 'link', linkname: 'bin/busybox' })
  expect(found.get('tmp/')).toMatchObject({ type: 'directory', mode: 0o1777 })
  expect(found.get('root/')).toMatchObject({ mode: 0o700 })
  expect(found.get('etc/shadow')).toMatchObject({ mode: 0o640 })
  expect(Buffer.from(found.get('etc/passwd')!.data!).toString()).toContain('www-data:x:33:33:')
})

it('gives the same bytes each time', async () => {
  expect(Buffer.from(await archive(packages)).equals(Buffer.from(await archive(packages)))).toBe(true)
})
