import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TarEntry } from 'modern-tar'
import { describe, expect, it } from 'vitest'
import { run, startEngine, type TestEngine } from '../kit/engine'
import { call } from '../kit/http'
import { imageArchive, makeImage, sha256, tar, type MadeImage } from '../kit/images'
import { differs, fresh, ok, onEachMachine, runsOn } from '../kit/machines'
import { startLyingRegistry } from '../kit/registry'

/** Every image's id and names, sorted: what must not change when something bad is refused. */
async function inventory(engine: TestEngine) {
  const columns = '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}'
  return ok(await engine.docker('images', '-a', '--no-trunc', '--digests', '--format', columns))
    .split('\n')
    .sort()
}

/** The error of a load, from its status or from its stream of messages. */
async function loadError(engine: TestEngine, archive: Buffer): Promise<string> {
  const { status, body } = await call(engine, 'POST', '/images/load?quiet=1', archive)
  if (status !== 200) return JSON.parse(body.toString()).message
  const errors = body.toString().trim().split('\n').filter(Boolean).flatMap((line) => JSON.parse(line).error ?? []) // prettier-ignore
  return errors.join('\n')
}

onEachMachine('bad input', (engine, target) => {
  async function platform() {
    const { Os: os, Architecture: architecture } = JSON.parse(
      ok(await engine().docker('image', 'inspect', 'busybox')),
    )[0]
    return { os, architecture }
  }
  async function refuses(archive: Buffer, message: RegExp) {
    const before = await inventory(engine())
    expect(await loadError(engine(), archive)).toMatch(message)
    expect(await inventory(engine())).toEqual(before)
  }
  /** A good image with one layer, to be damaged. */
  const good = async (): Promise<MadeImage> => makeImage([await tar([['file', 'content']])], await platform())

  it('a sound archive of the kind that the others are made of is loaded', async () => {
    const name = `${fresh('sound')}:v1`
    expect(await loadError(engine(), await imageArchive(await good(), name))).toBe('')
    expect((await inventory(engine())).join()).toContain(name)
    ok(await engine().docker('rmi', name))
  })

  it('an archive that is no tar', () => refuses(Buffer.alloc(2048, 'x'), /./))

  it('an archive without a manifest', async () =>
    refuses(await tar([['readme', 'nothing here']]), /manifest|index|invalid|no such file/i))

  it('an archive cut short', async () => {
    const archive = await imageArchive(await good(), `${fresh('short')}:v1`)
    await refuses(archive.subarray(0, archive.length - 3000), /./)
  })

  it('a manifest that is no JSON', async () =>
    refuses(
      await imageArchive(await good(), `${fresh('json')}:v1`, (files) => {
        files.set('manifest.json', Buffer.from('{nope'))
        files.set('index.json', Buffer.from('{nope'))
      }),
      /./,
    ))

  it('a layer whose bytes are not those of its digest', async () => {
    const image = await good()
    const other = await tar([['file', 'CONTENT']])
    const damage = (files: Map<string, Buffer>) =>
      void files.set(`blobs/sha256/${sha256(image.layers[0]!).slice(7)}`, other)
    await refuses(await imageArchive(image, `${fresh('digest')}:v1`, damage), /digest|diff ?id|checksum|corrupt/i)
  })

  it('a layer that is missing', async () => {
    const image = await good()
    const damage = (files: Map<string, Buffer>) =>
      void files.delete(`blobs/sha256/${sha256(image.layers[0]!).slice(7)}`)
    await refuses(await imageArchive(image, `${fresh('missing')}:v1`, damage), /./)
  })

  const link = (name: string, linkname: string): TarEntry => ({ header: { name, size: 0, type: 'symlink', linkname } })
  const hard = (name: string, linkname: string): TarEntry => ({ header: { name, size: 0, type: 'link', linkname } })
  differs(target).each([
    ['climbs out with ..', [['../../etc/passwd', 'evil']]],
    ['climbs out in the middle', [['a/../../../etc/passwd', 'evil']]],
    ['links hard to what lies outside', [hard('passwd', '../../../../etc/passwd')]],
    ['removes what lies outside', [['../../etc/.wh.passwd', '']]],
  ] as [string, Parameters<typeof tar>[0]][])('a layer that %s', async (_, entries) => {
    const image = makeImage([await tar(entries)], await platform())
    await refuses(await imageArchive(image, `${fresh('evil')}:v1`), /passwd/)
    expect(ok(await run('grep', ['-c', '^root:', '/etc/passwd']))).toBe('1')
  })

  it('a layer that writes through a link of its own stays inside the container', async () => {
    const name = `${fresh('through')}:v1`
    const marker = `/tmp/${fresh('berth-evil')}`
    const layer = await tar([link('out', '/tmp'), [`out/${marker.slice(5)}`, 'evil']])
    await loadError(engine(), await imageArchive(makeImage([layer], await platform()), name))
    expect((await run('ls', [marker])).code).not.toBe(0)
    await engine().docker('rmi', name)
  })

  it('a registry that sends other bytes than it promised', async () => {
    const image = await good()
    const flip = (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 600 ? byte ^ 1 : byte)))
    const layer = sha256(image.layers[0]!)
    const registry = await startLyingRegistry(image, (digest, bytes) => (digest === layer ? flip(bytes) : bytes))
    try {
      const before = await inventory(engine())
      const { code, stderr } = await engine().docker('pull', `${registry.address}/liar:v1`)
      expect(code).toBe(1)
      expect(stderr).toMatch(/digest|verification failed|mismatch|corrupt/i)
      expect(await inventory(engine())).toEqual(before)
    } finally {
      await registry.stop()
    }
  })

  it('an image that has no variant for this machine', async () => {
    const image = makeImage([await tar([['file', 'content']])], { os: 'linux', architecture: 's390x' })
    const registry = await startLyingRegistry(image, (_, bytes) => bytes)
    try {
      const name = `${registry.address}/liar:v1`
      const before = await inventory(engine())
      const { code, stderr } = await engine().docker('pull', name)
      expect(code).toBe(1)
      expect(stderr).toMatch(/no matching manifest for linux/)
      expect(await inventory(engine())).toEqual(before)
    } finally {
      await registry.stop()
    }
  })

  it('still runs containers after all that', async () => {
    expect(ok(await engine().docker('run', '--rm', 'busybox', 'echo', 'fine'))).toBe('fine')
  })
})

describe.skipIf(!runsOn('native'))('a full data disk on native', () => {
  it('fails the load with the cause, leaves nothing half-made, and goes on', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'berth-full-'))
    ok(await run('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', dataDir]))
    const engine = await startEngine({ machine: 'native', dataDir })
    try {
      const { Os: os, Architecture: architecture } = JSON.parse(
        ok(await engine.docker('image', 'inspect', 'busybox')),
      )[0]
      const before = await inventory(engine)
      const used = async () => Number(ok(await run('df', ['--output=used', '-B1', dataDir])).split('\n')[1])
      const usedBefore = await used()
      const layer = await tar([['big', Buffer.alloc(40 * 1024 * 1024, 'x')]])
      const archive = await imageArchive(makeImage([layer], { os, architecture }), 'big:v1')
      expect(await loadError(engine, archive)).toMatch(/no space left on device|ENOSPC/i)
      expect(await inventory(engine)).toEqual(before)
      // Logs and the database may have grown a little.
      expect((await used()) - usedBefore).toBeLessThan(4 * 1024 * 1024)
      expect(ok(await engine.docker('run', '--rm', 'busybox', 'echo', 'fine'))).toBe('fine')
      const filled = await engine.docker(
        'run',
        '--rm',
        'busybox',
        'dd',
        'if=/dev/zero',
        'of=/big',
        'bs=1M',
        'count=100',
      )
      expect(filled.code).toBe(1)
      expect(filled.stderr).toContain('No space left on device')
      expect(ok(await engine.docker('run', '--rm', 'busybox', 'echo', 'fine'))).toBe('fine')
    } finally {
      await engine.stopAgent()
      await run('umount', ['-l', dataDir])
      await rm(dataDir, { recursive: true, force: true })
    }
  })
})
