import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type * as Testcontainers from 'testcontainers'
import { expect, it } from 'vitest'
import { fresh, onEachMachine } from '../kit/machines'

const image = 'busybox:latest'
const httpd = ['sh', '-c', 'mkdir -p /www; echo ok >/www/index.html; echo listening; exec httpd -f -p 8080 -h /www']

// The library keeps its first engine for as long as the process lives: one target a run.
onEachMachine(
  'Testcontainers',
  (engine) => {
    async function library(): Promise<typeof Testcontainers> {
      process.env.DOCKER_HOST = engine().host
      // Its reaper needs an image of its own from a registry.
      process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
      return import('testcontainers')
    }
    const get = async (container: Testcontainers.StartedTestContainer) =>
      (await fetch(`http://${container.getHost()}:${container.getMappedPort(8080)}/`)).text()

    it('waits for a line of the log', async () => {
      const { GenericContainer, Wait } = await library()
      const started = await new GenericContainer(image)
        .withCommand(['sh', '-c', 'sleep 0.3; echo now ready; sleep 1000'])
        .withWaitStrategy(Wait.forLogMessage(/now ready/))
        .start()
      const log = await started.logs()
      expect(String((await once(log, 'data'))[0])).toBe('now ready\n')
      log.destroy()
      await started.stop()
    })

    it('waits for a port and for an HTTP answer', async () => {
      const { GenericContainer, Wait } = await library()
      for (const strategy of [Wait.forListeningPorts(), Wait.forHttp('/', 8080).forStatusCode(200)]) {
        const started = await new GenericContainer(image)
          .withCommand(httpd)
          .withExposedPorts(8080)
          .withWaitStrategy(strategy)
          .start()
        expect(await get(started)).toBe('ok\n')
        await started.stop()
      }
    })

    it('waits for health', async () => {
      const { GenericContainer, Wait } = await library()
      const started = await new GenericContainer(image)
        .withCommand(['sh', '-c', 'sleep 0.5; touch /healthy; sleep 1000'])
        .withHealthCheck({ test: ['CMD-SHELL', 'test -e /healthy'], interval: 300, timeout: 3000, retries: 20 })
        .withWaitStrategy(Wait.forHealthCheck())
        .start()
      expect((await started.exec(['test', '-e', '/healthy'])).exitCode).toBe(0)
      await started.stop()
    })

    it('waits for a command and for a one-shot container to end', async () => {
      const { GenericContainer, Wait } = await library()
      const started = await new GenericContainer(image)
        .withCommand(['sh', '-c', 'sleep 0.3; touch /there; sleep 1000'])
        .withWaitStrategy(Wait.forSuccessfulCommand('test -e /there'))
        .start()
      await started.stop()
      const ended = await new GenericContainer(image)
        .withCommand(['echo', 'over'])
        .withWaitStrategy(Wait.forOneShotStartup())
        .start()
      await ended.stop()
    })

    it('tells of a container that does not get ready, with its log', async () => {
      const { GenericContainer, Wait } = await library()
      const hopeless = new GenericContainer(image)
        .withCommand(['sh', '-c', 'echo hopeless; sleep 1000'])
        .withWaitStrategy(Wait.forLogMessage('never'))
        .withStartupTimeout(1000)
      await expect(hopeless.start()).rejects.toThrow(/"never" not received after 1000ms/)
    })

    it('copies files in and out, runs commands, sets environment, labels, user and folder', async () => {
      const { GenericContainer } = await library()
      const dir = await mkdtemp(join(tmpdir(), 'berth-testcontainers-'))
      try {
        await writeFile(join(dir, 'file'), 'from a file')
        const started = await new GenericContainer(image)
          .withCommand(['sleep', '1000'])
          .withEnvironment({ A: 'b' })
          .withLabels({ c: 'd' })
          .withWorkingDir('/tmp')
          .withTmpFs({ '/scratch': 'rw,size=1m' })
          .withCopyFilesToContainer([{ source: join(dir, 'file'), target: '/in/file' }])
          .withCopyContentToContainer([{ content: 'from a text', target: '/in/text' }])
          .start()
        const shown = await started.exec([
          'sh',
          '-c',
          'cat /in/file; echo; cat /in/text; echo; pwd; echo $A; echo e >&2',
        ])
        expect(shown).toMatchObject({
          exitCode: 0,
          stdout: 'from a file\nfrom a text\n/tmp\nb\n',
          stderr: 'e\n',
        })
        expect(await started.exec(['sh', '-c', 'id -u; exit 3'], { user: '1000' })).toMatchObject({
          exitCode: 3,
          stdout: '1000\n',
        })
        const archive = await started.copyArchiveFromContainer('/in')
        expect(await text(archive)).toContain('from a text')
        expect(started.getLabels()).toMatchObject({ c: 'd' })
        await started.restart()
        expect((await started.exec(['cat', '/in/text'])).output).toBe('from a text')
        await started.stop()
      } finally {
        await rm(dir, { recursive: true })
      }
    })

    it('three containers of a network reach each other by alias', async () => {
      const { GenericContainer, Network, Wait } = await library()
      const network = await new Network().start()
      const server = (alias: string) =>
        new GenericContainer(image)
          .withCommand(httpd)
          .withNetwork(network)
          .withNetworkAliases(alias)
          .withWaitStrategy(Wait.forLogMessage('listening'))
          .start()
      const [front, back] = [await server('front'), await server('back')]
      const client = await new GenericContainer(image).withCommand(['sleep', '1000']).withNetwork(network).start()
      try {
        for (const [from, to] of [
          [client, 'front'],
          [client, 'back'],
          [front, 'back'],
          [back, 'front'],
        ] as const)
          expect(await from.exec(['wget', '-qO-', `http://${to}:8080/`]), to).toMatchObject({
            exitCode: 0,
            stdout: 'ok\n',
          })
        expect(front.getIpAddress(network.getName())).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      } finally {
        for (const container of [client, front, back]) await container.stop()
        await network.stop()
      }
    })

    it('builds an image from a folder', async () => {
      const { GenericContainer } = await library()
      const dir = await mkdtemp(join(tmpdir(), 'berth-testcontainers-'))
      try {
        await writeFile(
          join(dir, 'Dockerfile'),
          `FROM ${image}\nARG WORD\nRUN echo $WORD >/word\nCMD ["sleep", "1000"]\n`,
        )
        const built = await GenericContainer.fromDockerfile(dir)
          .withBuildArgs({ WORD: 'built' })
          .build(`${fresh('testcontainers')}:v1`)
        const started = await built.start()
        expect((await started.exec(['cat', '/word'])).output).toBe('built\n')
        await started.stop()
      } finally {
        await rm(dir, { recursive: true })
      }
    })
  },
  ['native', 'peer'],
)
