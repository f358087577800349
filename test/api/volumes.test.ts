import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, ok, onEachMachine } from '../kit/machines'

onEachMachine('volumes', (engine) => {
  const docker = (...args: string[]) => engine().docker(...args)

  it('a named volume is shared, listed, inspected and removed', async () => {
    const name = fresh('data')
    expect(ok(await docker('volume', 'create', '--label', 'a=b', name))).toBe(name)
    ok(await docker('run', '--rm', '-v', `${name}:/d`, 'busybox', 'sh', '-c', 'echo kept >/d/f'))
    expect(ok(await docker('run', '--rm', '-v', `${name}:/e:ro`, 'busybox', 'cat', '/e/f'))).toBe('kept')
    expect((await docker('run', '--rm', '-v', `${name}:/e:ro`, 'busybox', 'touch', '/e/x')).code).toBe(1)
    expect(ok(await docker('volume', 'ls', '-q', '-f', 'label=a=b'))).toContain(name)
    expect(JSON.parse(ok(await docker('volume', 'inspect', name)))[0]).toMatchObject({
      Name: name,
      Driver: 'local',
      Scope: 'local',
    })
    ok(await docker('volume', 'rm', name))
    expect((await docker('volume', 'inspect', name)).stderr).toMatch(/no such volume/i)
  })

  it('a volume in use is not removed', async () => {
    const [name, container] = [fresh('used'), fresh('user')]
    ok(await docker('create', '--name', container, '-v', `${name}:/d`, 'busybox'))
    const { status, json } = await call(engine(), 'DELETE', `/volumes/${name}`)
    expect(status).toBe(409)
    expect(json().message).toContain('volume is in use')
    ok(await docker('rm', container))
    ok(await docker('volume', 'rm', name))
  })

  it('an empty volume takes what the image has there', async () => {
    const name = fresh('copied')
    expect(ok(await docker('run', '--rm', '-v', `${name}:/etc`, 'busybox', 'cat', '/etc/passwd'))).toContain(
      'root:x:0:0',
    )
    ok(await docker('volume', 'rm', name))
  })

  it('rm -v removes anonymous volumes and keeps named ones', async () => {
    const [name, container] = [fresh('named'), fresh('both')]
    ok(await docker('run', '--name', container, '-v', '/anon', '-v', `${name}:/n`, 'busybox', 'true'))
    const anonymous = ok(
      await docker(
        'inspect',
        '-f',
        '{{range .Mounts}}{{if eq .Destination "/anon"}}{{.Name}}{{end}}{{end}}',
        container,
      ),
    )
    expect(anonymous).toMatch(/^[0-9a-f]{64}$/)
    ok(await docker('rm', '-v', container))
    const left = ok(await docker('volume', 'ls', '-q')).split('\n')
    expect(left).toContain(name)
    expect(left).not.toContain(anonymous)
    ok(await docker('volume', 'rm', name))
  })
})

onEachMachine(
  'bind mounts',
  (engine) => {
    it('a folder of this computer is seen in the container, both ways', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'berth-bind-'))
      try {
        await writeFile(join(dir, 'in'), 'from here')
        const script = 'cat /b/in; echo from there >/b/out'
        expect(ok(await engine().docker('run', '--rm', '-v', `${dir}:/b`, 'busybox', 'sh', '-c', script))).toBe(
          'from here',
        )
        expect(await readFile(join(dir, 'out'), 'utf8')).toBe('from there\n')
        const mount = `type=bind,src=${dir}/missing,dst=/b`
        const missing = await engine().docker('run', '--rm', '--mount', mount, 'busybox', 'true')
        expect(missing.code).toBe(125)
        expect(missing.stderr).toContain('bind source path does not exist')
      } finally {
        await rm(dir, { recursive: true })
      }
    })
  },
  ['native'],
)
