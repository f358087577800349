import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { dockerConfigDir, ensureDockerContext } from './docker-context'

it('finds the folder as docker does', () => {
  expect(dockerConfigDir({}, '/home/ann')).toBe(join('/home/ann', '.docker'))
  expect(dockerConfigDir({ DOCKER_CONFIG: '/cfg' }, '/home/ann')).toBe('/cfg')
})

it('writes the context once, and again when the address changes', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'berth-context-'))
  try {
    expect(await ensureDockerContext(dir, 'unix:///a.sock')).toBe(true)
    expect(await ensureDockerContext(dir, 'unix:///a.sock')).toBe(false)
    expect(await ensureDockerContext(dir, 'unix:///b.sock')).toBe(true)
    const [name] = await readdir(join(dir, 'contexts', 'meta'))
    const files = await readdir(join(dir, 'contexts', 'meta', name!))
    expect(files).toEqual(['meta.json'])
    const meta = JSON.parse(await readFile(join(dir, 'contexts', 'meta', name!, 'meta.json'), 'utf8'))
    expect(meta).toMatchObject({ Name: 'berth', Endpoints: { docker: { Host: 'unix:///b.sock' } } })
    expect(await readdir(dir)).toEqual(['contexts'])
  } finally {
    await rm(dir, { recursive: true })
  }
})
