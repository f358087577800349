import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackTar } from 'modern-tar'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, ok, onEachMachine } from '../kit/machines'
import { starterArchive } from '../kit/places'
import { pushArchive, startRegistry, type Registry } from '../kit/registry'

let registry: Registry
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-images-'))
  registry = await startRegistry()
  await pushArchive(registry, starterArchive, 'tools/busybox', 'v1')
})
afterAll(async () => {
  await registry.stop()
  await rm(dir, { recursive: true })
})

onEachMachine('images', (engine) => {
  const docker = (...args: string[]) => engine().docker(...args)
  const idOf = async (name: string) => ok(await docker('image', 'inspect', '-f', '{{.Id}}', name))

  it('lists, inspects and shows the history of the image that is there from the start', async () => {
    expect(ok(await docker('images', '--format', '{{.Repository}}:{{.Tag}}'))).toContain('busybox:latest')
    const [details] = JSON.parse(ok(await docker('image', 'inspect', 'busybox')))
    expect(details).toMatchObject({ Os: 'linux', RepoTags: expect.arrayContaining(['busybox:latest']) })
    expect(details.RootFS.Layers.length).toBeGreaterThan(0)
    expect(details.Size).toBeGreaterThan(500_000)
    expect(ok(await docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', 'busybox'))).not.toBe('')
  })

  it('tags and removes names one by one', async () => {
    const name = `${fresh('tagged')}:v1`
    ok(await docker('tag', 'busybox', name))
    expect(await idOf(name)).toBe(await idOf('busybox'))
    expect(ok(await docker('rmi', name))).toBe(`Untagged: ${name}`)
    expect((await docker('image', 'inspect', name)).code).toBe(1)
    expect((await docker('rmi', name)).stderr).toContain(`No such image: ${name}`)
  })

  it('saves and loads the same image', async () => {
    const [name, file] = [`${fresh('saved')}:v1`, join(dir, `${fresh('saved')}.tar`)]
    ok(await docker('tag', 'busybox', name))
    const id = await idOf(name)
    ok(await docker('save', '-o', file, name))
    const entries = await unpackTar(await readFile(file))
    const manifest = JSON.parse(
      Buffer.from(entries.find(({ header }) => header.name === 'manifest.json')!.data!).toString(),
    )
    expect(manifest[0].RepoTags).toEqual([name])
    ok(await docker('rmi', name))
    expect(ok(await docker('load', '-i', file))).toContain(`Loaded image: ${name}`)
    expect(await idOf(name)).toBe(id)
    ok(await docker('rmi', name))
  })

  it('imports a root file system, and runs it', async () => {
    const [name, container, file] = [fresh('imported'), fresh('source'), join(dir, `${fresh('rootfs')}.tar`)]
    ok(await docker('create', '--name', container, 'busybox'))
    ok(await docker('export', '-o', file, container))
    expect(ok(await docker('import', '-c', 'CMD ["echo", "imported"]', file, name))).toMatch(/^sha256:/)
    expect(ok(await docker('run', '--rm', name))).toBe('imported')
    ok(await docker('rm', container))
    ok(await docker('rmi', name))
  })

  it('pulls the right platform from an index in a registry, with progress, and knows its digest', async () => {
    const name = `${registry.address}/tools/busybox:v1`
    const first = ok(await docker('pull', name))
    expect(first).toContain('v1: Pulling from tools/busybox')
    expect(first).toMatch(/Digest: sha256:[0-9a-f]{64}/)
    expect(first).toContain(`Status: Downloaded newer image for ${name}`)
    expect(ok(await docker('pull', name))).toContain(`Status: Image is up to date for ${name}`)
    expect(ok(await docker('run', '--rm', name, 'echo', 'pulled'))).toBe('pulled')
    const digest = /Digest: (sha256:[0-9a-f]{64})/.exec(first)![1]!
    expect(ok(await docker('image', 'inspect', '-f', '{{json .RepoDigests}}', name))).toContain(
      `${registry.address}/tools/busybox@${digest}`,
    )
    ok(await docker('rmi', name))
    ok(await docker('pull', '-q', `${registry.address}/tools/busybox@${digest}`))
    ok(await docker('rmi', `${registry.address}/tools/busybox@${digest}`))
  })

  it('run pulls what is missing', async () => {
    const name = `${registry.address}/tools/busybox:v1`
    const result = await docker('run', '--rm', name, 'echo', 'fetched')
    expect(ok(result)).toBe('fetched')
    expect(result.stderr).toContain(`Unable to find image '${name}' locally`)
    ok(await docker('rmi', name))
  })

  it('says what a registry does not have', async () => {
    const result = await docker('pull', `${registry.address}/tools/busybox:nope`)
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/manifest (for .* not found|unknown)/)
    const other = await docker('pull', '127.0.0.1:1/nobody:v1')
    expect(other.code).toBe(1)
    expect(other.stderr).toMatch(/connection refused|ECONNREFUSED/)
  })

  it('keeps an image that a container uses', async () => {
    const [name, container] = [`${fresh('held')}:v1`, fresh('holder')]
    const file = join(dir, `${fresh('held')}.tar`)
    ok(await docker('create', '--name', container, 'busybox'))
    ok(await docker('export', '-o', file, container))
    ok(await docker('rm', container))
    ok(await docker('import', file, name))
    ok(await docker('create', '--name', container, name, 'true'))
    const { status, json } = await call(engine(), 'DELETE', `/images/${name}`)
    expect(status).toBe(409)
    expect(json().message).toContain('is using its referenced image')
    ok(await docker('rm', container))
    ok(await docker('rmi', name))
  })
})
