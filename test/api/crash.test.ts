import { describe, expect, it } from 'vitest'
import { startEngine } from '../kit/engine'
import { ok, runsOn } from '../kit/machines'
import { snapshotDir } from '../kit/places'
import { freePort } from '../kit/registry'

const counting = 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done'

describe.skipIf(!runsOn('native'))('kill -9 of the engine on native', () => {
  it('containers go on, and ps, logs, wait and exit codes are right after the restart', async () => {
    const first = await startEngine({ machine: 'native' })
    const { dataDir } = first
    const port = await freePort()
    const web = 'mkdir /www; echo ok >/www/index.html; exec httpd -f -h /www'
    ok(await first.docker('run', '-d', '--name', 'counter', 'busybox', 'sh', '-c', counting))
    ok(await first.docker('run', '-d', '--name', 'web', '-p', `127.0.0.1:${port}:80`, 'busybox', 'sh', '-c', web))
    ok(
      await first.docker(
        'run',
        '-d',
        '--name',
        'ends',
        'busybox',
        'sh',
        '-c',
        'until [ -e /go ]; do sleep 0.05; done; echo bye; exit 7',
      ),
    )
    ok(
      await first.docker(
        'run',
        '-d',
        '--rm',
        '--name',
        'vanishes',
        'busybox',
        'sh',
        '-c',
        'until [ -e /go ]; do sleep 0.05; done',
      ),
    )
    ok(await first.docker('run', '--name', 'done', 'busybox', 'echo', 'done'))
    const pidOf = async (engine: typeof first, name: string) =>
      ok(await engine.docker('inspect', '-f', '{{.State.Pid}}', name))
    const pid = await pidOf(first, 'counter')
    // Two containers end while there is no engine to see it.
    const endings = [
      first.dockerLive('exec', 'ends', 'sh', '-c', 'sleep 1.5; touch /go'),
      first.dockerLive('exec', 'vanishes', 'sh', '-c', 'sleep 1.5; touch /go'),
    ]
    await new Promise((resolve) => setTimeout(resolve, 500))
    await first.kill()
    await Promise.all(endings.map(({ ended }) => ended))
    await new Promise((resolve) => setTimeout(resolve, 2500))

    const second = await startEngine({ machine: 'native', dataDir })
    try {
      const rows = ok(await second.docker('ps', '-a', '--format', '{{.Names}} {{.State}}'))
        .split('\n')
        .sort()
      expect(rows).toEqual(['counter running', 'done exited', 'ends exited', 'web running'])
      expect(await pidOf(second, 'counter')).toBe(pid)
      expect(ok(await second.docker('wait', 'ends'))).toBe('7')
      expect(ok(await second.docker('logs', 'ends'))).toBe('bye')
      expect(ok(await second.docker('logs', 'done'))).toBe('done')
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('ok\n')
      expect(ok(await second.docker('exec', 'counter', 'echo', 'alive'))).toBe('alive')
      const waiting = second.docker('wait', 'counter')
      ok(await second.docker('kill', 'counter'))
      expect(ok(await waiting)).toBe('137')
      const lines = ok(await second.docker('logs', 'counter')).split('\n')
      expect(lines).toEqual(lines.map((_, i) => `line ${i + 1}`))
      expect(lines.length).toBeGreaterThan(20)
    } finally {
      await second.remove()
    }
  })

  it('a clean stop leaves containers running too, and a second engine on the same folder is refused', async () => {
    const first = await startEngine({ machine: 'native' })
    ok(await first.docker('run', '-d', '--name', 'stays', 'busybox', 'sleep', '1000'))
    await expect(startEngine({ machine: 'native', dataDir: first.dataDir })).rejects.toThrow(/Another engine is using/)
    await first.stop()
    const second = await startEngine({ machine: 'native', dataDir: first.dataDir })
    try {
      expect(ok(await second.docker('ps', '--format', '{{.Names}}'))).toBe('stays')
    } finally {
      await second.remove()
    }
  })
})

describe.skipIf(!runsOn('builtin'))('kill -9 of the engine on builtin', () => {
  it('takes the VM along, and what was written is there after the restart', { timeout: 300_000 }, async () => {
    const env = { BERTH_SNAPSHOT_DIR: snapshotDir }
    const first = await startEngine({ machine: 'builtin', env })
    ok(
      await first.docker(
        'run',
        '--name',
        'wrote',
        '-v',
        'kept:/d',
        'busybox',
        'sh',
        '-c',
        'echo safe >/d/f; sync; echo logged',
      ),
    )
    ok(await first.docker('run', '-d', '--name', 'ran', 'busybox', 'sleep', '1000'))
    await first.kill()
    const second = await startEngine({ machine: 'builtin', dataDir: first.dataDir, env })
    try {
      const rows = ok(await second.docker('ps', '-a', '--format', '{{.Names}} {{.State}}'))
        .split('\n')
        .sort()
      expect(rows).toEqual(['ran exited', 'wrote exited'])
      expect(ok(await second.docker('logs', 'wrote'))).toBe('logged')
      expect(ok(await second.docker('run', '--rm', '-v', 'kept:/d', 'busybox', 'cat', '/d/f'))).toBe('safe')
      ok(await second.docker('start', 'ran'))
      expect(ok(await second.docker('ps', '--format', '{{.Names}}'))).toBe('ran')
    } finally {
      await second.remove()
    }
  })
})
