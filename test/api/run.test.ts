import { expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, ok, onEachMachine } from '../kit/machines'

onEachMachine('run', (engine) => {
  const run = (...args: string[]) => engine().docker('run', '--rm', ...args)

  it('prints stdout and stderr apart and gives the exit code', async () => {
    const result = await run('busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3')
    expect(result).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' })
  })

  it.each([
    [125, ['--network', 'no-such-network', 'busybox', 'true'], /network no-such-network not found/],
    [125, ['--pull', 'never', 'no-such-image', 'true'], /No such image: no-such-image:latest/],
    [126, ['busybox', '/etc'], /permission denied|is a directory|not permitted/i],
    [126, ['busybox', '/etc/passwd'], /permission denied/i],
    [127, ['busybox', 'no-such-command'], /executable file not found|no such file/i],
    [125, ['-u', 'nosuchuser', 'busybox', 'true'], /unable to find user nosuchuser/],
  ])('exits with %d for %j', async (code, args, message) => {
    const result = await run(...args)
    expect(result.stderr).toMatch(message)
    expect(result.code).toBe(code)
  })

  it('gives 137 for a killed container, and 128+n for one that ends by a signal', async () => {
    const name = fresh('killed')
    ok(await engine().docker('run', '-d', '--name', name, 'busybox', 'sleep', '1000'))
    ok(await engine().docker('kill', name))
    expect(ok(await engine().docker('wait', name))).toBe('137')
    expect(ok(await engine().docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name))).toBe('exited 137')
    ok(await engine().docker('rm', name))
    expect((await run('--init', 'busybox', 'sh', '-c', 'kill -TERM $$')).code).toBe(143)
  })

  it('sets environment, folder, user, host name and labels', async () => {
    const name = fresh('settings')
    const options = ['-e', 'A=1', '-w', '/tmp', '-u', '1000:33', '-h', 'box', '-l', 'x=y', '--name', name]
    const script = 'echo $A $(pwd) $(id -u):$(id -g) $(hostname)'
    expect(ok(await engine().docker('run', ...options, 'busybox', 'sh', '-c', script))).toBe('1 /tmp 1000:33 box')
    expect(ok(await engine().docker('inspect', '-f', '{{json .Config.Labels}}', name))).toBe('{"x":"y"}')
    ok(await engine().docker('rm', name))
  })

  it('replaces the entrypoint', async () => {
    expect(ok(await run('--entrypoint', 'echo', 'busybox', 'hi', 'there'))).toBe('hi there')
  })

  it('passes stdin on, to its end', async () => {
    const input = 'line\n'.repeat(50_000)
    const result = await engine().dockerWith({ input }, 'run', '--rm', '-i', 'busybox', 'sh', '-c', 'wc -c')
    expect(ok(result)).toBe(String(input.length))
  })

  it('loses nothing of a long output', async () => {
    const { stdout } = await run('busybox', 'seq', '1', '50000')
    expect(stdout.split('\n')).toHaveLength(50_001)
    expect(stdout.endsWith('49999\n50000\n')).toBe(true)
  })

  it('gives a terminal with -t', async () => {
    expect(ok(await run('-t', 'busybox', 'tty'))).toMatch(/^\/dev\/(pts\/\d+|console)$/)
    expect((await run('busybox', 'tty')).code).toBe(1)
  })

  it('runs an init with --init', async () => {
    expect(ok(await run('--init', 'busybox', 'cat', '/proc/1/comm'))).toBe('docker-init')
    expect(ok(await run('busybox', 'cat', '/proc/1/comm'))).toBe('cat')
  })

  it('--rm removes the container, with its anonymous volumes', async () => {
    const before = ok(await engine().docker('volume', 'ls', '-q'))
    const name = fresh('gone')
    ok(await run('--name', name, '-v', '/anonymous', 'busybox', 'touch', '/anonymous/x'))
    expect((await call(engine(), 'GET', `/containers/${name}/json`)).status).toBe(404)
    expect(ok(await engine().docker('volume', 'ls', '-q'))).toBe(before)
  })

  it('refuses a name that is taken', async () => {
    const name = fresh('taken')
    ok(await engine().docker('create', '--name', name, 'busybox'))
    const second = await engine().docker('run', '--name', name, 'busybox', 'true')
    expect(second.code).toBe(125)
    expect(second.stderr).toContain(`The container name "/${name}" is already in use by container`)
    expect((await call(engine(), 'POST', `/containers/create?name=${name}`, { Image: 'busybox' })).status).toBe(409)
    ok(await engine().docker('rm', name))
  })

  it('keeps the root file system read-only when asked', async () => {
    const result = await run('--read-only', 'busybox', 'touch', '/x')
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('Read-only file system')
  })

  it('mounts a tmpfs of the size asked for', async () => {
    expect(ok(await run('--tmpfs', '/t:size=1m', 'busybox', 'sh', '-c', "df -k /t | awk 'NR==2 {print $2}'"))).toBe(
      '1024',
    )
  })

  it('ends a container that takes more memory than it may', async () => {
    const name = fresh('oom')
    const command = ['sh', '-c', 'x=a; while :; do x=$x$x; done']
    const { code } = await engine().docker('run', '--name', name, '-m', '16m', 'busybox', ...command)
    expect(code).toBe(137)
    expect(ok(await engine().docker('inspect', '-f', '{{.State.OOMKilled}}', name))).toBe('true')
    ok(await engine().docker('rm', name))
  })
})
