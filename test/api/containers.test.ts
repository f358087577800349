import { mkdtemp, readFile, rm, symlink, writeFile, mkdir, readlink, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, ok, onEachMachine } from '../kit/machines'

onEachMachine('containers', (engine, target) => {
  const docker = (...args: string[]) => engine().docker(...args)
  /** A running container that has set its trap: before that, its first process would ignore SIGTERM. */
  async function sleeping(...options: string[]) {
    const name = fresh('sleeping')
    const script = 'trap "exit 0" TERM; echo ready; sleep 1000 & wait'
    ok(await docker('run', '-d', '--name', name, ...options, 'busybox', 'sh', '-c', script))
    const log = engine().dockerLive('logs', '-f', name)
    await log.shows('ready')
    log.process.kill('SIGKILL')
    await log.ended
    return name
  }

  it('ps filters by state, name, label and exit code', async () => {
    const label = fresh('group')
    const up = await sleeping('-l', label)
    const down = fresh('down')
    await docker('run', '--name', down, '-l', label, 'busybox', 'sh', '-c', 'exit 7')
    const names = async (...filters: string[]) =>
      ok(
        await docker(
          'ps',
          '-a',
          '-f',
          `label=${label}`,
          ...filters.flatMap((filter) => ['-f', filter]),
          '--format',
          '{{.Names}}',
        ),
      )
        .split('\n')
        .sort()
    expect(await names()).toEqual([down, up].sort())
    expect(await names('status=running')).toEqual([up])
    expect(await names('exited=7')).toEqual([down])
    expect(await names(`name=${up}`)).toEqual([up])
    expect(await names('ancestor=busybox')).toEqual([down, up].sort())
    expect(ok(await docker('ps', '-q', '-f', `label=${label}`)).split('\n')).toHaveLength(1)
    expect((await docker('ps', '-f', 'nonsense=1')).stderr).toMatch(/invalid filter/i)
    ok(await docker('rm', '-f', up, down))
  })

  it('ps shows the image’s id when its name is gone or another’s', async () => {
    const [name, image] = [fresh('nameless'), fresh('image')]
    ok(await docker('tag', 'busybox', image))
    ok(await docker('create', '--name', name, image))
    const { Image: id } = (await call(engine(), 'GET', `/containers/${name}/json`)).json()
    const shown = async () => {
      const filter = encodeURIComponent(JSON.stringify({ name: [name] }))
      return (await call(engine(), 'GET', `/containers/json?all=1&filters=${filter}`)).json()[0].Image
    }
    expect(await shown()).toBe(image)
    ok(await docker('rmi', '-f', image))
    expect(await shown()).toBe(id)
    ok(await docker('rm', name))
  })

  it('stop, start, restart and kill change the state, and events tell of it', async () => {
    const since = Math.floor(Date.now() / 1000) - 1
    const name = await sleeping()
    const state = async () => ok(await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name))
    ok(await docker('stop', name))
    expect(await state()).toBe('exited 0')
    ok(await docker('start', name))
    ok(await docker('restart', name))
    expect(await state()).toBe('running 0')
    ok(await docker('kill', '-s', 'KILL', name))
    expect(ok(await docker('wait', name))).toBe('137')
    ok(await docker('rm', name))
    const until = Math.floor(Date.now() / 1000) + 1
    const filters = encodeURIComponent(JSON.stringify({ container: [name] }))
    const { body } = await call(engine(), 'GET', `/events?since=${since}&until=${until}&filters=${filters}`)
    const actions = body.toString().trim().split('\n').map((line) => JSON.parse(line).Action) // prettier-ignore
    expect(
      actions.filter((action) => ['create', 'start', 'die', 'stop', 'restart', 'destroy'].includes(action)),
    ).toEqual(['create', 'start', 'die', 'stop', 'start', 'die', 'stop', 'start', 'restart', 'die', 'destroy'])
  })

  it('a stop that has to kill tells of both signals', async () => {
    const since = Math.floor(Date.now() / 1000) - 1
    const name = fresh('stubborn')
    ok(await docker('run', '-d', '--name', name, 'busybox', 'sleep', '1000'))
    ok(await docker('stop', '-t', '1', name))
    const until = Math.floor(Date.now() / 1000) + 1
    const query = `since=${since}&until=${until}&filters=${encodeURIComponent(JSON.stringify({ container: [name] }))}`
    const { body } = await call(engine(), 'GET', `/events?${query}`)
    const told = body.toString().trim().split('\n').map((line) => JSON.parse(line)) // prettier-ignore
    expect(told.slice(-4).map(({ Action, Actor }) => [Action, Actor.Attributes.signal])).toEqual([
      ['kill', '15'],
      ['kill', '9'],
      ['die', undefined],
      ['stop', undefined],
    ])
    ok(await docker('rm', name))
  })

  it('a stop and a start too many are no errors, a removal of a running container is', async () => {
    const name = await sleeping()
    const { Id } = (await call(engine(), 'GET', `/containers/${name}/json`)).json()
    expect((await call(engine(), 'POST', `/containers/${Id}/start`)).status).toBe(304)
    expect((await call(engine(), 'DELETE', `/containers/${name}`)).status).toBe(409)
    expect((await call(engine(), 'POST', `/containers/${Id.slice(0, 12)}/stop`)).status).toBe(204)
    expect((await call(engine(), 'POST', `/containers/${name}/stop`)).status).toBe(304)
    expect((await call(engine(), 'POST', `/containers/${name}/kill`)).status).toBe(409)
    expect((await call(engine(), 'DELETE', `/containers/${name}`)).status).toBe(204)
    const gone = await call(engine(), 'GET', `/containers/${name}/json`)
    expect(gone.status).toBe(404)
    expect(gone.json().message).toBe(`No such container: ${name}`)
  })

  it('rename', async () => {
    const [before, after] = [await sleeping(), fresh('renamed')]
    ok(await docker('rename', before, after))
    expect(ok(await docker('inspect', '-f', '{{.Name}}', after))).toBe(`/${after}`)
    expect((await docker('inspect', before)).code).toBe(1)
    ok(await docker('rm', '-f', after))
  })

  it('top and stats', async () => {
    const name = await sleeping()
    const top = (await call(engine(), 'GET', `/containers/${name}/top`)).json()
    expect(top.Titles).toContain('PID')
    expect(top.Processes.map((row: string[]) => row.at(-1))).toContain('sleep 1000')
    const stats = (await call(engine(), 'GET', `/containers/${name}/stats?stream=false`)).json()
    expect(stats.memory_stats.usage).toBeGreaterThan(0)
    expect(stats.pids_stats.current).toBeGreaterThan(0)
    expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(0)
    ok(await docker('rm', '-f', name))
  })

  it('inspect shows what was asked for', async () => {
    const name = fresh('inspected')
    ok(await docker('create', '--name', name, '-e', 'A=1', '-m', '32m', '--cpus', '0.5', '-p', '127.0.0.1:0:80', '--restart', 'on-failure:2', 'busybox', 'sleep', '1')) // prettier-ignore
    const [details] = JSON.parse(ok(await docker('inspect', name)))
    expect(details).toMatchObject({
      Name: `/${name}`,
      Path: 'sleep',
      Args: ['1'],
      State: { Status: 'created', Running: false, Pid: 0 },
      HostConfig: {
        Memory: 33554432,
        NanoCpus: 500000000,
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
        PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }] },
      },
    })
    expect(details.Config.Env).toContain('A=1')
    ok(await docker('rm', name))
  })

  it('inspect names the network namespace while there is one', async () => {
    const name = await sleeping()
    const guest = await sleeping('--network', `container:${name}`)
    const shown = async (of: string) => {
      const { State, NetworkSettings } = (await call(engine(), 'GET', `/containers/${of}/json`)).json()
      return { pid: State.Pid, key: NetworkSettings.SandboxKey, id: NetworkSettings.SandboxID }
    }
    const own = await shown(name)
    expect(own.id).toMatch(/^[0-9a-f]{64}$/)
    expect(own.key).not.toBe('')
    if (target === 'native') expect(own.key).toBe(`/proc/${own.pid}/ns/net`)
    expect(await shown(guest)).toMatchObject({ key: '', id: '' })
    ok(await docker('rm', '-f', guest, name))
  })

  it('cp goes both ways, for running and stopped containers', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-cp-'))
    try {
      await mkdir(join(dir, 'in/sub'), { recursive: true })
      await writeFile(join(dir, 'in/sub/script'), 'hello', { mode: 0o751 })
      await symlink('/etc/passwd', join(dir, 'in/link'))
      const name = await sleeping()
      ok(await docker('cp', join(dir, 'in'), `${name}:/tmp/copied`))
      expect(ok(await docker('exec', name, 'sh', '-c', 'cat /tmp/copied/sub/script; readlink /tmp/copied/link'))).toBe(
        'hello/etc/passwd',
      )
      ok(await docker('stop', '-t', '0', name))
      ok(await docker('cp', `${name}:/tmp/copied`, join(dir, 'out')))
      expect(await readFile(join(dir, 'out/sub/script'), 'utf8')).toBe('hello')
      expect((await stat(join(dir, 'out/sub/script'))).mode & 0o777).toBe(0o751)
      expect(await readlink(join(dir, 'out/link'))).toBe('/etc/passwd')
      const missing = await docker('cp', `${name}:/no/such/file`, dir)
      expect(missing.code).toBe(1)
      // The client's words before and since docker 23.
      expect(missing.stderr).toMatch(/(Could not find the file |No such container:path: [^/]+)\/no\/such\/file/)
      ok(await docker('rm', name))
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})
