import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { run } from '../kit/engine'
import { fresh, ok, onEachMachine } from '../kit/machines'
import { freePort } from '../kit/registry'

/** A page that is built, a counter that it asks by name, and a worker; with a volume, a network, health and an order. */
const composeFile = (port: number, image: string) => `version: "3.8"
services:
  page:
    build: {context: ./page, args: {WORD: made}}
    image: ${image}
    ports: ["127.0.0.1:${port}:8080"]
    networks: {net: {aliases: [front]}}
    depends_on: {counter: {condition: service_healthy}}
    environment: {COUNTER: counter}
  counter:
    image: busybox:latest
    command: ["sh", "-c", "echo start >>/data/starts; exec httpd -f -p 80 -h /data"]
    volumes: ["data:/data"]
    networks: [net]
    healthcheck: {test: ["CMD", "test", "-s", "/data/starts"], interval: 1s, timeout: 3s, retries: 20}
    stop_signal: SIGKILL
  worker:
    image: busybox:latest
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do echo tick; sleep 0.2; done"]
    networks: [net]
    init: true
    labels: {kind: worker}
volumes: {data: {}}
networks: {net: {ipam: {config: [{subnet: 10.213.77.0/24}]}}}
`

onEachMachine(
  'docker-compose',
  (engine) => {
    const project = fresh('compose').replaceAll('-', '')
    const image = `${project}-page:v1`
    let dir: string
    let port: number
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'berth-compose-'))
      port = await freePort()
      await writeFile(join(dir, 'docker-compose.yml'), composeFile(port, image))
      await mkdir(join(dir, 'page'))
      const page = `FROM busybox:latest
ARG WORD
RUN mkdir /www && echo "$WORD" >/www/word
EXPOSE 8080
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`
      await writeFile(join(dir, 'page', 'Dockerfile'), page)
    })
    afterAll(async () => {
      await compose('down', '-v', '-t', '1')
      await engine().docker('rmi', image)
      await rm(dir, { recursive: true })
    })

    const compose = (...args: string[]) =>
      run('docker-compose', ['--no-ansi', '-p', project, ...args], {
        cwd: dir,
        env: { DOCKER_HOST: engine().host, COMPOSE_INTERACTIVE_NO_CLI: '1', COMPOSE_DOCKER_CLI_BUILD: '0' },
      })
    const mine = async (...list: string[]) =>
      ok(await engine().docker(...list, '--filter', `label=com.docker.compose.project=${project}`))
        .split('\n')
        .filter(Boolean)

    it('up builds, waits for health in order, and the page is served', async () => {
      ok(await compose('up', '-d'))
      expect(await (await fetch(`http://127.0.0.1:${port}/word`)).text()).toBe('made\n')
      expect(ok(await compose('ps'))).toMatch(/counter_1 .*Up \(healthy\)/)
      expect(ok(await compose('port', 'page', '8080'))).toBe(`127.0.0.1:${port}`)
    })

    it('services find each other by name and by alias', async () => {
      const get = (service: string, url: string) => compose('exec', '-T', service, 'wget', '-qO-', url)
      expect(ok(await get('page', 'http://counter/starts'))).toBe('start')
      expect(ok(await get('worker', 'http://front:8080/word'))).toBe('made')
      expect((await compose('exec', '-T', 'worker', 'sh', '-c', 'exit 7')).code).toBe(7)
    })

    it('logs, top, one-off runs, pause', async () => {
      expect(ok(await compose('logs', '--tail', '3', 'worker'))).toMatch(/worker_1 .*\| tick/)
      expect(ok(await compose('top', 'page'))).toContain('httpd')
      expect(ok(await compose('run', '--rm', '-T', 'worker', 'echo', 'one-off'))).toContain('one-off')
      ok(await compose('pause', 'worker'))
      expect(ok(await compose('ps', 'worker'))).toContain('Paused')
      ok(await compose('unpause', 'worker'))
    })

    it('scales, and leaves alone what did not change', async () => {
      ok(await compose('up', '-d', '--scale', 'worker=3'))
      expect(ok(await compose('ps', '-q', 'worker')).split('\n')).toHaveLength(3)
      const page = ok(await compose('ps', '-q', 'page'))
      ok(await compose('up', '-d', '--scale', 'worker=1'))
      expect(ok(await compose('ps', '-q', 'worker')).split('\n')).toHaveLength(1)
      expect(ok(await compose('ps', '-q', 'page'))).toBe(page)
    })

    it('restart, recreation and down keep the volume, down -v takes all', async () => {
      ok(await compose('restart', 'counter'))
      ok(await compose('up', '-d', '--force-recreate', 'counter'))
      ok(await compose('down', '-t', '1'))
      expect(await mine('volume', 'ls', '-q')).toHaveLength(1)
      ok(await compose('up', '-d', 'counter'))
      expect(ok(await compose('exec', '-T', 'counter', 'cat', '/data/starts'))).toBe('start\nstart\nstart\nstart')
      ok(await compose('down', '-v', '-t', '1'))
      expect([await mine('ps', '-aq'), await mine('volume', 'ls', '-q'), await mine('network', 'ls', '-q')]).toEqual([[], [], []]) // prettier-ignore
    })
  },
  ['native', 'peer'],
)
