import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, onEachMachine } from '../kit/machines'

/** "string", "number", "boolean" or "null" for a value; of a list its first element; of a map with free keys `*`. */
type Shape = string | [Shape?] | { [key: string]: Shape }

const fixture = join(import.meta.dirname, 'shapes.json')
/** BERTH_RECORD=1 with --against writes down the shapes of dockerd's answers. */
const recording = Boolean(process.env.BERTH_RECORD)

/** Objects whose keys are names that somebody chose. */
const maps = new Set(['Labels', 'Options', 'Networks', 'Containers', 'Ports', 'Volumes', 'ExposedPorts', 'PortBindings', 'Attributes', 'DriverOpts', 'networks', 'Sysctls', 'Tmpfs', 'Runtimes', 'IndexConfigs']) // prettier-ignore

function shapeOf(value: unknown, name = ''): Shape {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length > 0 ? [shapeOf(value[0])] : []
  if (typeof value !== 'object') return typeof value
  const entries = Object.entries(value)
  if (maps.has(name)) return entries.length > 0 ? { '*': shapeOf(entries[0]![1]) } : {}
  return Object.fromEntries(entries.map(([key, child]) => [key, shapeOf(child, key)]))
}

/** Keys that dockerd has left out since API 1.41, has on cgroup v1 alone, or that tell how it was built. */
const dropped =
  /\.(KernelMemory(TCP)?|VirtualSize|Container|ContainerConfig|percpu_usage|AllowNondistributableArtifacts\w+|hierarchical_mem\w+|BuilderSize|BuildTime|Details\.\w+)$/

/** What a client that expects the shape would miss in the value: `path: what is there`. */
function missing(shape: Shape, value: unknown, path = ''): string[] {
  if (value === undefined) return dropped.test(path) ? [] : [`${path}: nothing`]
  // Go's empty lists and maps may be null.
  if (shape === 'null' || value === null) return shape === 'string' || shape === 'number' ? [`${path}: null`] : []
  if (typeof shape === 'string') return typeof value === shape ? [] : [`${path}: ${typeof value}, not ${shape}`]
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${path}: ${typeof value}, not a list`]
    return shape[0] && value.length > 0 ? missing(shape[0], value[0], `${path}[]`) : []
  }
  if (typeof value !== 'object' || Array.isArray(value)) return [`${path}: no object`]
  if ('*' in shape) return Object.values(value).flatMap((child) => missing(shape['*']!, child, `${path}.*`))
  const children = value as Record<string, unknown>
  return Object.entries(shape).flatMap(([key, child]) => missing(child, children[key], `${path}.${key}`))
}

onEachMachine(
  'shapes',
  (engine) => {
    const name = fresh('shapes')
    const ask = async (path: string, method = 'GET', body?: unknown) =>
      JSON.parse((await call(engine(), method, path, body)).body.toString().split('\n')[0]!)
    let shapes: Record<string, Shape> = {}
    let exec: string

    beforeAll(async () => {
      shapes = JSON.parse(await readFile(fixture, 'utf8').catch(() => '{}'))
      await ask('/volumes/create', 'POST', { Name: name, Labels: { a: 'b' } })
      await call(engine(), 'POST', `/containers/create?name=${name}`, {
        Image: 'busybox',
        Cmd: ['sleep', '1000'],
        Labels: { a: 'b' },
        ExposedPorts: { '80/tcp': {} },
        Volumes: { '/anonymous': {} },
        Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9, Retries: 1 },
        HostConfig: { Binds: [`${name}:/data`], PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
      })
      await call(engine(), 'POST', `/containers/${name}/start`)
      exec = (await ask(`/containers/${name}/exec`, 'POST', { Cmd: ['touch', '/x'], AttachStdout: true })).Id
      await call(engine(), 'POST', `/exec/${exec}/start`, {})
    })
    afterAll(async () => {
      await call(engine(), 'DELETE', `/containers/${name}?force=1&v=1`)
      await call(engine(), 'DELETE', `/volumes/${name}`)
      if (recording) await writeFile(fixture, `${JSON.stringify(shapes, null, 2)}\n`)
    })

    const filters = () => `filters=${encodeURIComponent(JSON.stringify({ container: [name] }))}`
    const answers: Record<string, () => Promise<unknown>> = {
      'GET /version': () => ask('/version'),
      'GET /info': () => ask('/info'),
      'GET /containers/json': async () => (await ask('/containers/json?size=1')).slice(0, 1),
      'GET /containers/{id}/json': () => ask(`/containers/${name}/json?size=1`),
      'GET /containers/{id}/top': () => ask(`/containers/${name}/top`),
      'GET /containers/{id}/stats': () => ask(`/containers/${name}/stats?stream=false`),
      'GET /containers/{id}/changes': () => ask(`/containers/${name}/changes`),
      'POST /containers/{id}/update': () => ask(`/containers/${name}/update`, 'POST', { CpuShares: 512 }),
      'GET /exec/{id}/json': () => ask(`/exec/${exec}/json`),
      'GET /images/json': async () => (await ask('/images/json')).slice(0, 1),
      'GET /images/{name}/json': () => ask('/images/busybox/json'),
      'GET /images/{name}/history': () => ask('/images/busybox/history'),
      'GET /volumes': () => ask(`/volumes?filters=${encodeURIComponent(JSON.stringify({ name: [name] }))}`),
      'GET /volumes/{name}': () => ask(`/volumes/${name}`),
      'GET /networks': () => ask(`/networks?filters=${encodeURIComponent('{"name":["bridge"]}')}`),
      'GET /networks/{id}': () => ask('/networks/bridge'),
      'GET /system/df': () => ask('/system/df'),
      'GET /events': () => ask(`/events?since=1&until=${Math.ceil(Date.now() / 1000)}&${filters()}`),
    }
    it.each(Object.keys(answers))('%s has every key of dockerd’s, with its type', async (title) => {
      const answer = await answers[title]!()
      if (recording) shapes[title] = shapeOf(answer)
      expect(shapes[title]).toBeDefined()
      expect(missing(shapes[title]!, answer)).toEqual([])
    })
  },
  ['native', 'peer'],
)
