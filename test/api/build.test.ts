import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { buildCases } from '../kit/build-cases'
import { build } from '../kit/builds'
import { run } from '../kit/engine'
import { call } from '../kit/http'
import { tar } from '../kit/images'
import { differs, fresh, ok, onEachMachine } from '../kit/machines'

onEachMachine(
  'Dockerfiles',
  (engine, target) => {
    const peer = target === 'peer'
    for (const { name, newer, ...expected } of buildCases) {
      it.skipIf(peer && newer)(name, async () => {
        const result = await build(engine(), { ...expected, query: { nocache: 1, ...expected.query } })
        expect(result.error ?? '').toMatch(expected.fails === undefined ? /^$/ : startsWith(expected.fails))
        expect(result.status).toBe(expected.status ?? 200)
        expect(result.code).toBe(expected.code)
        if (expected.prints !== undefined) expect(result.printed).toBe(expected.prints)
        let from = 0
        for (const text of expected.tells ?? []) {
          const at = result.text.indexOf(text, from)
          expect(at, `${JSON.stringify(text)} in ${JSON.stringify(result.text.slice(from))}`).toBeGreaterThanOrEqual(0)
          from = at + text.length
        }
        if (!result.id) return
        const image = (await call(engine(), 'GET', `/v1.41/images/${result.id}/json`)).json()
        if (expected.config) expect(image.Config).toMatchObject(expected.config)
        const history = (await call(engine(), 'GET', `/v1.41/images/${result.id}/history`)).json()
        for (const [at, wanted] of (expected.history ?? []).entries()) {
          if (typeof wanted === 'string') expect(history[at].CreatedBy).toBe(wanted)
          else expect(history[at].CreatedBy).toMatch(wanted)
        }
      })
    }
  },
  ['native', 'peer'],
)

onEachMachine(
  'builds',
  (engine, target) => {
    const docker = (...args: string[]) => engine().docker(...args)

    it('takes steps from the cache until what they depend on changes', async () => {
      const salt = fresh('salt')
      const dockerfile = `FROM busybox\nARG WHO=x\nENV SALT=${salt}\nCOPY f /f\nRUN echo $WHO > /who\nCMD cat /who\n`
      const first = await build(engine(), { dockerfile, files: { f: '1' } })
      const again = await build(engine(), { dockerfile, files: { f: '1' } })
      expect(again).toMatchObject({ id: first.id, cached: 5 })
      const changed = await build(engine(), { dockerfile, files: { f: '2' } })
      expect(changed.cached).toBe(2)
      const argument = await build(engine(), { dockerfile, files: { f: '1' }, query: { buildargs: { WHO: 'y' } } })
      expect(argument.cached).toBe(3)
      const mode = await build(engine(), { dockerfile, files: { f: { mode: 0o755 } } })
      expect(mode.cached).toBe(2)
      const without = await build(engine(), { dockerfile, files: { f: '1' }, query: { nocache: 1 } })
      expect(without.cached).toBe(0)
      expect(without.id).not.toBe(first.id)
    })

    it('takes a COPY --from from the cache when the files are the same', async () => {
      const salt = fresh('salt')
      const dockerfile = (comment: string) =>
        `FROM busybox AS one\nRUN echo ${salt} > /f\nRUN echo ${comment} > /other\nFROM busybox\nCOPY --from=one /f /f\nRUN cat /f\n`
      await build(engine(), { dockerfile: dockerfile('a') })
      const again = await build(engine(), { dockerfile: dockerfile('b') })
      expect(again.text).toMatch(/COPY --from=one \/f \/f\n ---> Using cache/)
      expect(again.cached).toBe(3)
    })

    it('takes steps from images that --cache-from names, and from no others', async () => {
      const [salt, tag] = [fresh('salt'), `${fresh('cachefrom')}:1`]
      const dockerfile = `FROM busybox\nENV SALT=${salt}\nRUN echo $SALT > /f\nCMD cat /f\n`
      const first = await build(engine(), { dockerfile, query: { t: tag } })
      const named = await build(engine(), { dockerfile, query: { cachefrom: [tag] } })
      expect(named).toMatchObject({ id: first.id, cached: 3 })
      expect((await build(engine(), { dockerfile, query: { cachefrom: ['nosuch:1'] } })).cached).toBe(0)
      const archive = (await call(engine(), 'GET', `/images/${tag}/get`)).body
      for (const { Id } of (await call(engine(), 'GET', '/images/json?all=1')).json()) {
        const { Config } = (await call(engine(), 'GET', `/images/${Id}/json`)).json()
        if (Config?.Env?.includes(`SALT=${salt}`)) await call(engine(), 'DELETE', `/images/${Id}?force=1`)
      }
      expect((await call(engine(), 'POST', '/images/load', archive)).status).toBe(200)
      expect((await build(engine(), { dockerfile, query: { cachefrom: [tag] } })).cached).toBe(3)
      ok(await docker('rmi', tag))
    })

    it('names the result, several times, and hides what lies between', async () => {
      const tags = [`${fresh('named')}:1`, `${fresh('named')}:latest`]
      const dockerfile = `FROM busybox\nLABEL x=${tags[0]}\nRUN echo 1 > /1\n`
      const { id, text } = await build(engine(), { dockerfile, query: { t: tags } })
      expect(text).toContain(`Successfully tagged ${tags[0]}\nSuccessfully tagged ${tags[1]}\n`)
      const list = async (query: string) =>
        (await call(engine(), 'GET', `/images/json${query}`)).json() as { Id: string; ParentId: string }[]
      const { ParentId } = (await list('')).find(({ Id }) => Id === id)!
      expect((await list('')).map(({ Id }) => Id)).not.toContain(ParentId)
      expect((await list('?all=1')).map(({ Id }) => Id)).toContain(ParentId)
      const history = (await call(engine(), 'GET', `/images/${id}/history`)).json()
      expect(history.slice(0, 2)).toMatchObject([{ Id: id, Tags: expect.arrayContaining(tags) }, { Id: ParentId }])
      const removed = (await call(engine(), 'DELETE', `/images/${id}?force=1`)).json()
      expect(removed).toEqual(expect.arrayContaining([{ Deleted: id }, { Deleted: ParentId }]))
    })

    it('fires the triggers of ONBUILD once', async () => {
      const tag = `${fresh('onbuild')}:1`
      await build(engine(), {
        dockerfile: 'FROM busybox\nONBUILD ARG X=1\nONBUILD COPY f /f\nONBUILD RUN cat /f; echo $X\n',
        query: { t: tag },
      })
      const { text, id } = await build(engine(), {
        dockerfile: `FROM ${tag}\nRUN echo own\n`,
        files: { f: 'of the child\n' },
        query: { nocache: 1 },
      })
      expect(text).toMatch(/# Executing 3 build triggers\n[^]*of the child\n1\n[^]*own\n/)
      expect((await call(engine(), 'GET', `/images/${id}/json`)).json().Config.OnBuild ?? []).toEqual([])
      ok(await docker('rmi', tag))
    })

    it('is quiet when it is asked to be', async () => {
      const { text, id } = await build(engine(), { dockerfile: 'FROM busybox\nRUN echo loud\n', query: { q: 1 } })
      expect(text).toMatch(/^sha256:[0-9a-f]{64}\n$/)
      expect(id).toBeUndefined()
      const failed = await build(engine(), { dockerfile: 'FROM busybox\nRUN echo loud; exit 4\n', query: { q: 1 } })
      expect(failed).toMatchObject({ code: 4, text: expect.stringContaining('loud') })
    })

    it('leaves Dockerfile and .dockerignore out when .dockerignore says so', async () => {
      const files = { '.dockerignore': 'Dockerfile\n.dockerignore\n', 'sub/Dockerfile': '', f: '' }
      const { printed } = await build(engine(), {
        dockerfile: 'FROM busybox\nCOPY . /x\nRUN cd /x; find . -type f | sort\n',
        files,
        query: { nocache: 1 },
      })
      expect(printed).toBe('./f\n./sub/Dockerfile')
    })

    it('removes the containers of steps that went well; of those that failed only when it must', async () => {
      const salt = fresh('salt')
      const left = async () =>
        ok(await docker('ps', '-aq', '--filter', `label=salt=${salt}`))
          .split('\n')
          .filter(Boolean)
      const dockerfile = `FROM busybox\nLABEL salt=${salt}\nRUN echo fine\nRUN false\n`
      await build(engine(), { dockerfile })
      expect(await left()).toEqual([])
      await build(engine(), { dockerfile, query: { forcerm: 0 } })
      expect(await left()).toHaveLength(1)
      ok(await docker('rm', ...(await left())))
    })

    it('ends a step when the client goes away, and leaves nothing of it', async () => {
      const salt = fresh('salt')
      const running = engine().dockerLive('build', '--no-cache', '-')
      running.process.stdin!.end(`FROM busybox\nLABEL salt=${salt}\nRUN echo begun; sleep 1000\n`)
      await running.shows('begun')
      running.process.kill('SIGKILL')
      await running.ended
      const events = await call(
        engine(),
        'GET',
        `/events?since=1&until=${Math.ceil(Date.now() / 1000) + 1}&filters={"label":["salt=${salt}"],"event":["destroy"]}`,
      )
      if (!peer(target)) expect(events.body.toString()).toContain('destroy')
      expect(ok(await docker('ps', '-q', '--filter', `label=salt=${salt}`))).toBe('')
    })

    it('refuses a context that is none', async () => {
      const answer = await call(engine(), 'POST', '/build', Buffer.from('no tar at all, '.repeat(100)))
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.json().message).toMatch(/tar/i)
    })

    differs(target)('refuses a context that climbs out', async () => {
      const answer = await call(engine(), 'POST', '/build', await tar([['../Dockerfile', 'FROM busybox\n']]))
      expect(answer.json().message).toBe('the path "../Dockerfile" climbs out of the build context')
    })

    it('refuses what it can not do', async () => {
      const refused = async (query: string) =>
        (await call(engine(), 'POST', `/build?${query}`, await tar([['Dockerfile', 'FROM busybox\n']]))).json().message
      if (target !== 'peer') expect(await refused('version=2')).toContain('DOCKER_BUILDKIT=0')
      expect(await refused('squash=1')).toContain('squash is only supported with experimental mode')
      expect(await refused('t=UPPER')).toContain('repository name')
      expect(await refused('platform=foo')).toMatch(/unknown operating system or architecture|invalid/)
    })

    it('commits a container, with changes', async () => {
      const [name, tag] = [fresh('commit'), `${fresh('committed')}:1`]
      ok(await docker('run', '--name', name, 'busybox', 'sh', '-c', 'echo new > /new; rm /etc/passwd'))
      const id = ok(
        await docker(
          'commit',
          '-a',
          'me',
          '-m',
          'why',
          '-c',
          'CMD ["cat","/new"]',
          '-c',
          'ENV Z=9',
          '-c',
          'EXPOSE 80',
          name,
          tag,
        ),
      )
      expect(ok(await docker('run', '--rm', tag))).toBe('new')
      expect((await docker('run', '--rm', tag, 'test', '-e', '/etc/passwd')).code).toBe(1)
      const image = (await call(engine(), 'GET', `/v1.41/images/${id}/json`)).json()
      expect(image).toMatchObject({
        Author: 'me',
        Comment: 'why',
        Config: { Env: expect.arrayContaining(['Z=9']), ExposedPorts: { '80/tcp': {} } },
      })
      expect((await call(engine(), 'GET', `/images/${id}/history`)).json()[0]).toMatchObject({
        CreatedBy: 'sh -c echo new > /new; rm /etc/passwd',
        Comment: 'why',
      })
      expect((await docker('commit', '-c', 'RUN x', name)).stderr).toContain('run is not a valid change command')
      ok(await docker('rm', name))
      ok(await docker('rmi', tag))
    })

    it('commits and exports a container that runs', async () => {
      const [name, tag] = [fresh('commit'), `${fresh('committed')}:1`]
      ok(await docker('run', '-d', '--name', name, 'busybox', 'sh', '-c', 'echo live > /live; sleep 1000'))
      while (ok(await docker('exec', name, 'ls', '/')).includes('live') === false);
      ok(await docker('commit', name, tag))
      expect(ok(await docker('inspect', '-f', '{{.State.Status}}', name))).toBe('running')
      expect(ok(await docker('run', '--rm', tag, 'cat', '/live'))).toBe('live')
      const exported = await call(engine(), 'GET', `/containers/${name}/export`)
      expect(exported.body.includes('live\n')).toBe(true)
      ok(await docker('rm', '-f', name))
      ok(await docker('rmi', tag))
    })

    differs(target)('builds from a URL: a Dockerfile, or a tar', async () => {
      const archive = await tar([
        ['Dockerfile', 'FROM busybox\nCOPY . /x\nRUN ls /x\n'],
        ['f', ''],
        ['drop.log', ''],
        ['.dockerignore', '*.log\n'],
      ])
      const server = createServer(({ url }, response) =>
        response.end(url === '/tar' ? archive : 'FROM busybox\nRUN echo plain\n'),
      )
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      expect((await build(engine(), { query: { remote: `${base}/Dockerfile`, nocache: 1 } })).printed).toBe('plain')
      expect((await build(engine(), { query: { remote: `${base}/tar`, nocache: 1 } })).printed).toBe('Dockerfile\nf')
      const added = await build(engine(), {
        dockerfile: `FROM busybox\nADD ${base}/some/file.txt /dir/\nRUN stat -c '%n %a' /dir/*\n`,
        query: { nocache: 1 },
      })
      expect(added.printed).toContain('/dir/file.txt 600')
      server.close()
    })
  },
  ['native', 'peer'],
)

onEachMachine(
  'builds from git',
  (engine) => {
    it('as the context, and in ADD', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'berth-git-'))
      const git = async (...args: string[]) => ok(await run('git', args, { cwd: join(dir, 'r.git') }))
      await mkdir(join(dir, 'r.git', 'sub'), { recursive: true })
      await git('init', '-q', '-b', 'main')
      await writeFile(join(dir, 'r.git', 'sub', 'Dockerfile'), 'FROM busybox\nCOPY . /x\nRUN ls /x\n')
      await writeFile(join(dir, 'r.git', 'sub', 'f'), '')
      await git('add', '.')
      await git('-c', 'user.name=x', '-c', 'user.email=x@y.test', 'commit', '-qm', 'one')
      const port = await freePort()
      const args = [
        'daemon',
        '--export-all',
        `--base-path=${dir}`,
        '--listen=127.0.0.1',
        `--port=${port}`,
        '--reuseaddr',
      ]
      const daemon = spawn('git', args, { detached: true })
      try {
        const url = `git://127.0.0.1:${port}/r.git`
        while (!(await run('git', ['ls-remote', url])).stdout.includes('main'));
        const built = await build(engine(), { query: { remote: `${url}#main:sub`, nocache: 1 } })
        expect(built.printed || built.error).toBe('Dockerfile\nf')
        const dockerfile = `FROM busybox\nADD ${url}#main /repo\nRUN ls -A /repo /repo/sub\n`
        const added = await build(engine(), { dockerfile, query: { nocache: 1 } })
        expect(added.printed || added.error).toBe('/repo:\nsub\n/repo/sub:\nDockerfile\nf')
        const missing = await build(engine(), { query: { remote: `${url}#nosuch` } })
        expect(missing).toMatchObject({ status: 400, error: expect.stringContaining('nosuch') })
      } finally {
        process.kill(-daemon.pid!)
        await rm(dir, { recursive: true })
      }
    })
  },
  ['native'],
)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

const peer = (target: string) => target === 'peer'
const startsWith = (text: string) => new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`)
