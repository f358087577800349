import { afterAll, beforeAll, expect, it } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { call } from '../kit/http'
import { differs, fresh, ok, onEachMachine } from '../kit/machines'
import { startRegistry, type Registry } from '../kit/registry'

/** User ann, password secret. */
const secretOfAnn = 'ann:$2y$05$PX1JEYSM/ukQ.pG25D0ocOI9aMHtVW.r6lEn.9BHmZbO67.yoY6z.'

let open: Registry
let locked: Registry
let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-docker-config-'))
  ;[open, locked] = await Promise.all([startRegistry(), startRegistry(secretOfAnn)])
})
afterAll(async () => {
  await open.stop()
  await locked.stop()
  await rm(home, { recursive: true })
})

onEachMachine('registries', (engine, target) => {
  const docker = (...args: string[]) => engine().dockerWith({ env: { DOCKER_CONFIG: home } }, ...args)
  const idOf = async (name: string) => ok(await docker('image', 'inspect', '-f', '{{.Id}}', name))
  const digestIn = (text: string) => /digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(text)![1]!

  it('take an image, tell its digest, and give it back the same', async () => {
    const name = `${open.address}/${fresh('pushed')}:v1`
    ok(await docker('tag', 'busybox', name))
    const id = await idOf(name)
    const pushed = ok(await docker('push', name))
    expect(pushed).toContain(`The push refers to repository [${name.replace(':v1', '')}]`)
    const digest = digestIn(pushed)
    expect(digestIn(ok(await docker('push', name)))).toBe(digest)
    const repository = name.replace(/:v1$/, '')
    expect(ok(await docker('image', 'inspect', '-f', '{{json .RepoDigests}}', name))).toContain(
      `${repository}@${digest}`,
    )
    ok(await docker('rmi', name))
    expect(ok(await docker('pull', name))).toContain(`Digest: ${digest}`)
    expect(await idOf(name)).toBe(id)
    const remote = (await call(engine(), 'GET', `/distribution/${name}/json`)).json()
    expect(remote).toMatchObject({ Descriptor: { digest }, Platforms: [{ os: 'linux' }] })
    ok(await docker('rmi', name))
  })

  it('have layers already, or mount them from a repository beside', async () => {
    const [one, other] = [`${open.address}/${fresh('one')}:v1`, `${open.address}/${fresh('other')}:v1`]
    for (const name of [one, other]) ok(await docker('tag', 'busybox', name))
    const first = ok(await docker('push', one))
    expect(ok(await docker('push', one))).toContain('Layer already exists')
    const second = ok(await docker('push', other))
    expect(second).toMatch(/Mounted from /)
    expect(digestIn(second)).toBe(digestIn(first))
    ok(await docker('rmi', one, other))
  })

  it('want to know who comes', async () => {
    const name = `${locked.address}/${fresh('private')}:v1`
    const login = (password: string) =>
      engine().dockerWith(
        { env: { DOCKER_CONFIG: home }, input: password },
        ...['login', '-u', 'ann', '--password-stdin', locked.address],
      )
    ok(await docker('tag', 'busybox', name))
    expect((await docker('push', name)).stderr).toContain('no basic auth credentials')
    expect((await login('wrong')).stderr).toContain('401 Unauthorized')
    expect(ok(await login('secret'))).toContain('Login Succeeded')
    ok(await docker('push', name))
    ok(await docker('rmi', name))
    ok(await docker('pull', '-q', name))
    ok(await docker('rmi', name))
    ok(await docker('logout', locked.address))
    expect((await docker('pull', name)).stderr).toContain('no basic auth credentials')
  })

  differs(target)('tell a wrong password by the status, too', async () => {
    const given = { username: 'ann', password: 'wrong', serveraddress: locked.address }
    const { status, json } = await call(engine(), 'POST', '/auth', given)
    expect(status).toBe(401)
    expect(json().message).toBe(`login attempt to http://${locked.address}/v2/ failed with status: 401 Unauthorized`)
  })

  it('are told what there is not to push', async () => {
    const repository = `${open.address}/${fresh('nothing')}`
    expect((await docker('push', `${repository}:v1`)).stderr).toContain(
      `An image does not exist locally with the tag: ${repository}`,
    )
    ok(await docker('tag', 'busybox', `${repository}:v1`))
    expect((await docker('push', `${repository}:v2`)).stderr).toContain(`tag does not exist: ${repository}:v2`)
    ok(await docker('rmi', `${repository}:v1`))
  })

  it('give and take every tag', async () => {
    const repository = `${open.address}/${fresh('all')}`
    const tags = ['a', 'b'].map((tag) => `${repository}:${tag}`)
    for (const name of tags) ok(await docker('tag', 'busybox', name))
    ok(await docker('push', '-a', '-q', repository))
    ok(await docker('rmi', ...tags))
    ok(await docker('pull', '-a', '-q', repository))
    for (const name of tags) expect(await idOf(name)).toMatch(/^sha256:/)
    ok(await docker('rmi', ...tags))
  })
})
