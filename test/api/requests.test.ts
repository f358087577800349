import { expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, ok, onEachMachine } from '../kit/machines'

/** What less common clients send (docker-py and docker-compose 1.29 among them). */
onEachMachine('requests of other clients', (engine) => {
  const docker = (...args: string[]) => engine().docker(...args)
  const post = (path: string, body?: unknown) => call(engine(), 'POST', `/v1.41${path}`, body)
  const sleeper = async (...args: string[]) => ok(await docker('run', '-d', ...args, 'busybox', 'sleep', '1000'))

  it("an exec's output is framed as its start says, with and without a terminal", async () => {
    const id = await sleeper()
    for (const [Tty, raw, printed] of [
      [true, true, 'word\r\n'],
      [true, false, 'word\r\n'],
      [false, true, 'word\n'],
      [false, false, 'word\n'],
    ] as const) {
      const exec = await post(`/containers/${id}/exec`, { Cmd: ['echo', 'word'], AttachStdout: true, Tty })
      const { body } = await post(`/exec/${exec.json().Id}/start`, { Tty: raw })
      expect((raw ? body : stdoutOf(body)).toString()).toBe(printed)
    }
    ok(await docker('rm', '-f', id))
  })

  it('keys of JSON may be in any case', async () => {
    const made = await post('/containers/create', { image: 'busybox', cmd: ['true'], hostconfig: { memory: 67108864 } })
    expect(made.status).toBe(201)
    const id = made.json().Id as string
    expect(ok(await docker('inspect', '-f', '{{.Config.Cmd}} {{.HostConfig.Memory}}', id))).toBe('[true] 67108864')
    ok(await docker('rm', id))
  })

  it('the log of a short command is there as soon as it has started', async () => {
    const made = await post('/containers/create', { Image: 'busybox', Cmd: ['echo', 'word'] })
    const { Id } = made.json() as { Id: string }
    expect((await post(`/containers/${Id}/start`)).status).toBe(204)
    const { body } = await call(engine(), 'GET', `/v1.41/containers/${Id}/logs?stdout=1`)
    expect(body.toString()).toBe('\x01\0\0\0\0\0\0\x05word\n')
    ok(await docker('rm', '-f', Id))
  })

  it('who attaches when a short command is over waits for the next start', async () => {
    const { Id } = (await post('/containers/create', { Image: 'busybox', Cmd: ['echo', 'word'] })).json() as {
      Id: string
    }
    await post(`/containers/${Id}/start`)
    await post(`/containers/${Id}/wait`)
    const client = post(`/containers/${Id}/attach?stream=1&stdout=1`)
    // Attached at once on ours; the second start must not come before it on any.
    await call(engine(), 'GET', `/v1.41/containers/${Id}/json`)
    const events = await call(engine(), 'GET', `/v1.41/containers/${Id}/logs?stdout=1`)
    expect(events.body.toString()).toContain('word')
    await post(`/containers/${Id}/start`)
    expect((await client).body.toString()).toBe('\x01\0\0\0\0\0\0\x05word\n')
    ok(await docker('rm', '-f', Id))
  })

  it('a link is a name that can be used and removed', async () => {
    const [target, owner] = [fresh('linked'), fresh('owner')]
    await sleeper('--name', target)
    await sleeper('--name', owner, '--link', `${target}:alias`)
    const names = async () =>
      (await call(engine(), 'GET', '/v1.41/containers/json')).json().find((each: { Names: string[] }) => each.Names.includes(`/${target}`)).Names // prettier-ignore
    expect(await names()).toContain(`/${owner}/alias`)
    const inspected = await call(engine(), 'GET', `/v1.41/containers/${owner}/alias/json`)
    expect(inspected.json().Name).toBe(`/${target}`)
    expect((await call(engine(), 'DELETE', `/v1.41/containers/${owner}/alias?link=1`)).status).toBe(204)
    expect(await names()).toEqual([`/${target}`])
    const own = await call(engine(), 'DELETE', `/v1.41/containers/${target}?link=1`)
    expect([own.status, own.json().message]).toEqual([
      500,
      'Conflict, cannot remove the default link name of the container',
    ])
    ok(await docker('rm', '-f', target, owner))
  })

  it('an endpoint has its link-local addresses too', async () => {
    const network = fresh('net')
    ok(await docker('network', 'create', network))
    const id = ok(
      await docker('create', '--network', network, '--link-local-ip', '169.254.8.8', 'busybox', 'ip', 'addr'),
    )
    expect(ok(await docker('start', '-a', id))).toContain('inet 169.254.8.8/16')
    ok(await docker('rm', id))
    ok(await docker('network', 'rm', network))
  })
})

/** What is in the frames of stdout; a terminal's output may come in several. Anything else fails. */
function stdoutOf(framed: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < framed.length; at += 8 + framed.readUInt32BE(at + 4)) {
    expect(framed.readUInt32BE(at)).toBe(0x01000000)
    parts.push(framed.subarray(at + 8, at + 8 + framed.readUInt32BE(at + 4)))
  }
  return Buffer.concat(parts)
}
