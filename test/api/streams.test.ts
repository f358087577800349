import { expect, it } from 'vitest'
import { fresh, ok, onEachMachine } from '../kit/machines'

onEachMachine('streams', (engine, target) => {
  const docker = (...args: string[]) => engine().docker(...args)
  /** A container that repeats `tick` until `release`, then runs the script. */
  async function ticking(script: string) {
    const name = fresh('ticking')
    const loop = 'until [ -e /go ]; do echo tick; sleep 0.1; done'
    ok(await docker('run', '-d', '--name', name, 'busybox', 'sh', '-c', `${loop}; ${script}`))
    return name
  }
  /** The end of the container may take the exec along. */
  const release = async (name: string) => expect((await docker('exec', name, 'touch', '/go')).code).toBeOneOf([0, 137])
  const remove = async (name: string) => ok(await docker('rm', '-f', name))
  const withoutTicks = (text: string) => text.replaceAll('tick\n', '')

  it('three attached clients see the same output and the exit code', async () => {
    const name = await ticking('echo out; echo err >&2; exit 5')
    const clients = [1, 2, 3].map(() => engine().dockerLive('attach', name))
    for (const client of clients) await client.shows('tick')
    await release(name)
    for (const client of clients) {
      const { code, stdout, stderr } = await client.ended
      expect({ code, stdout: withoutTicks(stdout), stderr }).toEqual({ code: 5, stdout: 'out\n', stderr: 'err\n' })
    }
    await remove(name)
  })

  it('a client that goes away disturbs no other', async () => {
    const name = await ticking('echo out')
    const [first, second] = [engine().dockerLive('attach', name), engine().dockerLive('attach', name)]
    await first.shows('tick')
    await second.shows('tick')
    first.process.kill('SIGKILL')
    await first.ended
    await release(name)
    expect(withoutTicks((await second.ended).stdout)).toBe('out\n')
    await remove(name)
  })

  it('start -a shows what a short-lived container prints', async () => {
    const name = fresh('short')
    ok(await docker('create', '--name', name, 'busybox', 'echo', 'hello'))
    for (let i = 0; i < 3; i++) expect(ok(await docker('start', '-a', name))).toBe('hello')
    expect(ok(await docker('logs', name))).toBe('hello\nhello\nhello')
    await remove(name)
  })

  it('logs: tail, timestamps, since and until', async () => {
    const name = fresh('logs')
    ok(await docker('run', '--name', name, 'busybox', 'sh', '-c', 'for i in 1 2 3 4 5; do echo line $i; done'))
    const all = await docker('logs', name)
    expect(all.stdout).toBe('line 1\nline 2\nline 3\nline 4\nline 5\n')
    expect((await docker('logs', '--tail', '2', name)).stdout).toBe('line 4\nline 5\n')
    const stamped = ok(await docker('logs', '-t', '--tail', '2', name)).split('\n')
    expect(stamped[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 4$/)
    expect((await docker('logs', '--until', '2001-01-01T00:00:00Z', name)).stdout).toBe('')
    expect((await docker('logs', '--since', '2001-01-01T00:00:00Z', name)).stdout).toBe(all.stdout)
    await remove(name)
  })

  it('logs keep stdout and stderr apart', async () => {
    const name = fresh('apart')
    ok(await docker('run', '--name', name, 'busybox', 'sh', '-c', 'echo out; echo err >&2'))
    expect(await docker('logs', name)).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' })
    await remove(name)
  })

  it('logs -f follows to the end of the container', async () => {
    const name = await ticking('echo last')
    const following = engine().dockerLive('logs', '-f', name)
    await following.shows('tick\ntick')
    await release(name)
    const { code, stdout } = await following.ended
    expect(code).toBe(0)
    expect(withoutTicks(stdout)).toBe('last\n')
    await remove(name)
  })

  it('exec: streams, exit code, environment, user, folder, stdin, terminal', async () => {
    const name = await ticking('')
    const exec = (...args: string[]) => docker('exec', ...args)
    expect(await exec(name, 'sh', '-c', 'echo o; echo e >&2; exit 9')).toEqual({
      code: 9,
      stdout: 'o\n',
      stderr: 'e\n',
    })
    const options = ['-e', 'A=b', '-w', '/tmp', '-u', '1000']
    expect(ok(await exec(...options, name, 'sh', '-c', 'echo $A $(pwd) $(id -u)'))).toBe('b /tmp 1000')
    expect(ok(await engine().dockerWith({ input: 'abc' }, 'exec', '-i', name, 'tr', 'a-c', 'x-z'))).toBe('xyz')
    expect(ok(await exec('-t', name, 'tty'))).toMatch(/^\/dev\/pts\/\d+$/)
    // Docker before 25 says 126.
    expect((await exec(name, 'no-such-command')).code).toBeOneOf(target === 'peer' ? [126, 127] : [127])
    expect((await exec(name, '/etc')).code).toBe(126)
    await remove(name)
    expect((await exec(name, 'true')).stderr).toContain(`No such container: ${name}`)
  })

  it('exec into a stopped container is a conflict', async () => {
    const name = fresh('stopped')
    ok(await docker('create', '--name', name, 'busybox', 'true'))
    const result = await docker('exec', name, 'true')
    expect(result.code).toBe(1)
    expect(result.stderr).toMatch(/container .* is not running/i)
    await remove(name)
  })

  it('wait gives every exit code', async () => {
    const names = [await ticking('exit 4'), await ticking('exit 6')]
    const waiting = docker('wait', ...names)
    for (const name of names) await release(name)
    expect(ok(await waiting)).toBe('4\n6')
    for (const name of names) await remove(name)
  })
})
