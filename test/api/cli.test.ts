import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { endAgent, engineScript, run, type RunOptions } from '../kit/engine'
import { fresh, ok, onEachMachine } from '../kit/machines'
import { machines, peer, snapshotDir } from '../kit/places'

const cliScript = join(dirname(engineScript), 'cli.js')
const berthWith = (options: RunOptions, ...args: string[]) => run(process.execPath, [cliScript, ...args], options)

const dockerMajor = Number.parseInt(ok(await run('docker', ['--version'])).replace(/^\D+/, ''))

const berthAt = (host: string, ...args: string[]) => berthWith({ env: { BERTH_HOST: host } }, ...args)

onEachMachine('berth', (engine) => {
  const berth = (...args: string[]) => berthAt(engine().host, ...args)

  it('runs, streams and gives exit codes', async () => {
    expect(await berth('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 4')).toEqual({
      code: 4,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    const options = { env: { BERTH_HOST: engine().host }, input: 'to upper' }
    expect(ok(await berthWith(options, 'run', '--rm', '-i', 'busybox', 'tr', 'a-z', 'A-Z'))).toBe('TO UPPER')
    expect((await berth('run', '--rm', 'busybox', '/etc')).code).toBe(126)
    expect((await berth('run', '--no-such-flag', 'busybox')).code).toBe(125)
  })
})

// What is left depends on no machine; the fast one will do.
onEachMachine(
  'berth beside docker',
  (engine) => {
    const berth = (...args: string[]) => berthAt(engine().host, ...args)
    /** What both commands print for the same line, but for the words that name them. */
    async function same(...args: string[]) {
      const [theirs, ours] = [await engine().docker(...args), await berth(...args)]
      expect(ours.stdout).toBe(theirs.stdout)
      expect(ours.stderr).toBe(theirs.stderr.replaceAll('docker', 'berth'))
      expect(ours.code).toBe(theirs.code)
    }

    // Older clients have other words for the same.
    it.skipIf(dockerMajor < 28)('prints what docker 28 prints', async () => {
      const name = fresh('same')
      ok(
        await engine().docker(
          'run',
          '-d',
          '--name',
          name,
          '-l',
          'a=b',
          '-v',
          `${name}:/d`,
          'busybox',
          'sh',
          '-c',
          'echo out; echo err >&2; sleep 1000',
        ),
      )
      await same(
        'ps',
        '--format',
        '{{.ID}} {{.Image}} {{.Names}} {{.Command}} {{.State}} {{.Labels}} {{.Mounts}} {{.Networks}} {{.Ports}}',
      )
      await same('ps', '-aq', '--no-trunc')
      await same('images', 'busybox')
      await same('images', '--no-trunc', '--format', '{{.Repository}} {{.Tag}} {{.ID}} {{.Size}}')
      await same('inspect', name)
      await same('inspect', 'busybox')
      await same(
        'inspect',
        '-f',
        '{{.State.Status}} {{json .Config.Labels}} {{range .Mounts}}{{.Destination}}{{end}}',
        name,
      )
      await same('inspect', 'nobody')
      await same('logs', name)
      await same('logs', '--tail', '1', '-t', name)
      await same('logs', 'nobody')
      await same('exec', name, 'sh', '-c', 'echo o; exit 3')
      await same('run', '--rm', 'busybox', 'no-such-command')
      await same('run', '--rm', '--pull', 'never', 'no-such-image')
      await same('rm', name)
      await same('stop', 'nobody')
      ok(await berth('rm', '-f', name))
      ok(await engine().docker('volume', 'rm', name))
    })

    it('goes through a container’s life', async () => {
      const name = fresh('life')
      expect(
        ok(await berth('create', '--name', name, 'busybox', 'sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait')),
      ).toMatch(/^[0-9a-f]{64}$/)
      expect(ok(await berth('start', name))).toBe(name)
      expect(ok(await berth('restart', '-t', '1', name))).toBe(name)
      expect(ok(await berth('stop', '-t', '1', name))).toBe(name)
      expect(ok(await berth('start', name))).toBe(name)
      expect(ok(await berth('kill', name))).toBe(name)
      expect(ok(await berth('rm', '-f', name))).toBe(name)
      expect((await berth('rm', name)).code).toBe(1)
    })

    it('copies both ways', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'berth-cli-'))
      const name = fresh('copies')
      try {
        await writeFile(join(dir, 'in'), 'hello')
        ok(await berth('create', '--name', name, 'busybox'))
        ok(await berth('cp', join(dir, 'in'), `${name}:/tmp/there`))
        ok(await berth('cp', `${name}:/tmp/there`, join(dir, 'out')))
        expect(await readFile(join(dir, 'out'), 'utf8')).toBe('hello')
        ok(await berth('cp', `${name}:/bin/.`, join(dir, 'bin')))
        expect((await readFile(join(dir, 'bin', 'busybox'))).length).toBeGreaterThan(500_000)
      } finally {
        await engine().docker('rm', name)
        await rm(dir, { recursive: true })
      }
    })
  },
  ['native', 'peer'],
)

describe.skipIf(peer)('berth engine', () => {
  it.each(machines)(
    'starts, shows and stops an engine on %s, and leaves the docker context alone',
    { timeout: 300_000 },
    async (machine) => {
      const dir = await mkdtemp(join(tmpdir(), 'berth-start-'))
      const env = {
        BERTH_DATA_DIR: dir,
        BERTH_SNAPSHOT_DIR: snapshotDir,
        DOCKER_CONFIG: join(dir, 'docker'),
        BERTH_HOST: '',
        DOCKER_HOST: '',
      }
      const berth = (...args: string[]) => berthWith({ env }, ...args)
      try {
        const before = await berth('engine', 'status')
        expect(before.code).toBe(1)
        expect(before.stdout).toContain('Engine:   stopped')
        const down = await berth('ps')
        expect(down.code).toBe(1)
        expect(down.stderr).toContain(
          `Cannot connect to the Berth engine at unix://${dir}/berth.sock: is it running? Start it with \`berth engine start\`.`,
        )

        const started = await berth('engine', 'start', '--machine', machine)
        expect(started.stdout).toContain(`engine ready unix://${dir}/berth.sock machine=${machine}`)
        expect(started.code).toBe(0)
        expect(ok(await berth('engine', 'start'))).toContain('already running')
        expect(ok(await berth('engine', 'status', '--format', '{{.State}} {{.Machine}}'))).toBe(`running ${machine}`)
        expect(ok(await berth('machine', '--format', '{{.driver}}'))).toBe(machine)
        expect(ok(await berth('version', '--format', '{{.Server.Os}}'))).toBe('linux')
        expect(ok(await berth('info'))).toContain('Server Version:')
        expect(ok(await berth('engine', 'stop'))).toContain('stopped')
        expect((await berth('engine', 'status')).code).toBe(1)
        expect((await run('ls', [env.DOCKER_CONFIG])).code).not.toBe(0)
      } finally {
        await berth('engine', 'stop')
        await endAgent(dir)
        await rm(dir, { recursive: true, force: true })
      }
    },
  )

  it('berth context shows up in docker context ls', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-context-'))
    const env = { DOCKER_CONFIG: dir, BERTH_DATA_DIR: dir, BERTH_HOST: '', DOCKER_HOST: '', DOCKER_CONTEXT: '' }
    try {
      ok(await berthWith({ env }, 'context'))
      const columns = '{{.Name}} {{.Current}} {{.DockerEndpoint}}'
      const listed = ok(await run('docker', ['context', 'ls', '--format', columns], { env }))
      expect(listed).toContain(`berth false unix://${dir}/berth.sock`)
      expect(listed).toContain('default true ')
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})
