import { beforeAll, expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, onEachMachine } from '../kit/machines'

const filters = (value: unknown) => `filters=${encodeURIComponent(JSON.stringify(value))}`
const noContainer = 'No such container: nobody'
const noImage = 'No such image: nobody:latest'
const noManager = /^This node is not a swarm manager\. Use "docker swarm init"/

interface Case {
  /** Method and path. */
  request: `${'GET' | 'POST' | 'PUT' | 'DELETE'} ${string}`
  body?: unknown
  status: number
  message: string | RegExp
  /** What dockerd before API 1.47 answered, where it was something else. */
  before?: { status?: number; message?: RegExp }
}

/** Calls that fail, with the status and the message that dockerd answers. */
const cases: Case[] = [
  { request: 'GET /containers/nobody/json', status: 404, message: noContainer },
  { request: 'GET /containers/nobody/logs?stdout=1', status: 404, message: noContainer },
  { request: 'GET /containers/nobody/top', status: 404, message: noContainer },
  { request: 'GET /containers/nobody/stats', status: 404, message: noContainer },
  { request: 'GET /containers/nobody/changes', status: 404, message: noContainer },
  { request: 'GET /containers/nobody/archive?path=/', status: 404, message: noContainer },
  { request: 'GET /containers/nobody/export', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/start', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/stop', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/restart', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/pause', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/unpause', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/wait', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/resize?h=1&w=1', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/rename?name=other', status: 404, message: noContainer },
  { request: 'POST /containers/nobody/update', body: {}, status: 404, message: noContainer },
  { request: 'POST /containers/nobody/exec', body: { Cmd: ['true'] }, status: 404, message: noContainer },
  {
    request: 'POST /containers/nobody/kill',
    status: 404,
    message: noContainer,
    before: { message: /^Cannot kill container: nobody: No such container: nobody$/ },
  },
  { request: 'DELETE /containers/nobody', status: 404, message: noContainer },
  { request: 'POST /commit?container=nobody', status: 404, message: noContainer },
  { request: 'GET /containers/json?limit=x', status: 400, message: /parsing "x": invalid syntax/, before: { status: 500 } },
  { request: `GET /containers/json?${filters({ bad: ['x'] })}`, status: 400, message: /^invalid filter 'bad'/i },
  { request: 'GET /containers/json?filters=x', status: 400, message: /invalid filter/, before: { status: 500, message: /./ } },
  { request: `GET /containers/json?${filters({ status: ['bad'] })}`, status: 400, message: /^invalid filter 'status=bad'|Unrecognised filter value for status: bad/i },
  { request: 'POST /containers/create?name=a/b', body: { Image: 'busybox' }, status: 400, message: 'Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed' },
  { request: 'POST /containers/create', body: { Image: 'nobody' }, status: 404, message: noImage },
  { request: 'POST /containers/create', body: {}, status: 400, message: /config cannot be empty in order to create a container/i },
  {
    request: 'POST /containers/create',
    body: Buffer.from('{}'),
    status: 400,
    message: "unsupported Content-Type header (application/x-tar): must be 'application/json'",
    before: { message: /^Content-Type specified \(application\/x-tar\) must be 'application\/json'/ },
  },
  { request: 'GET /exec/nobody/json', status: 404, message: 'No such exec instance: nobody' },
  { request: 'POST /exec/nobody/start', body: {}, status: 404, message: 'No such exec instance: nobody' },

  { request: 'GET /images/nobody/json', status: 404, message: noImage, before: { message: /No such image: nobody:latest$/ } },
  { request: 'GET /images/nobody/history', status: 404, message: noImage },
  { request: 'POST /images/nobody/tag?repo=other', status: 404, message: noImage },
  { request: 'POST /images/busybox/tag?repo=BAD', status: 400, message: /invalid reference format: repository name .*must be lowercase/, before: { status: 500 } },
  { request: 'POST /images/create?fromImage=BAD', status: 400, message: /invalid reference format: repository name .*must be lowercase/ },
  { request: 'DELETE /images/nobody', status: 404, message: noImage },
  { request: 'GET /images/nobody/get', status: 404, message: noImage, before: { message: /No such image: nobody/ } },
  { request: `GET /images/json?${filters({ bad: ['x'] })}`, status: 400, message: /^invalid filter 'bad'/i },

  { request: 'GET /volumes/nobody', status: 404, message: 'get nobody: no such volume' },
  { request: 'DELETE /volumes/nobody', status: 404, message: 'get nobody: no such volume' },
  { request: 'POST /volumes/create', body: { Name: 'a/b' }, status: 400, message: /includes invalid characters for a local volume name/ },
  { request: 'POST /volumes/create', body: { Driver: 'nobody' }, status: 404, message: /plugin "nobody" not found/ },
  { request: `GET /volumes?${filters({ bad: ['x'] })}`, status: 400, message: /^invalid filter 'bad'/i },

  { request: 'GET /networks/nobody', status: 404, message: 'network nobody not found' },
  { request: 'DELETE /networks/nobody', status: 404, message: 'network nobody not found' },
  { request: 'POST /networks/nobody/connect', body: { Container: 'nobody' }, status: 404, message: noContainer },
  { request: `GET /networks?${filters({ bad: ['x'] })}`, status: 400, message: /^invalid filter 'bad'/i },
  { request: 'DELETE /networks/bridge', status: 403, message: /bridge is a pre-defined network and cannot be removed/ },
  { request: 'POST /networks/create', body: { Name: 'bridge' }, status: 403, message: /operation is not permitted on predefined bridge network|network with name bridge already exists/, },
  { request: 'POST /networks/create', body: { Name: 'other', Driver: 'nobody' }, status: 404, message: /could not find plugin nobody|plugin "nobody" not found/ },

  { request: 'GET /events?since=abc&until=1', status: 400, message: /abc/, before: { status: 500 } },
  { request: `GET /events?until=1&filters=x`, status: 400, message: /invalid filter/, before: { status: 500, message: /./ } },
  { request: 'GET /swarm', status: 503, message: noManager },
  { request: 'GET /nodes', status: 503, message: noManager },
  { request: 'GET /services', status: 503, message: noManager },
  { request: 'GET /tasks', status: 503, message: noManager },
  { request: 'GET /secrets', status: 503, message: noManager },
  { request: 'GET /configs', status: 503, message: noManager },
  { request: 'GET /plugins/nobody/json', status: 404, message: 'plugin "nobody" not found' },
  { request: 'GET /nothing', status: 404, message: 'page not found' },
] // prettier-ignore

onEachMachine('errors', (engine, target) => {
  let old = false
  beforeAll(async () => {
    const { ApiVersion } = (await call(engine(), 'GET', '/version')).json()
    old = target === 'peer' && Number(ApiVersion.split('.')[1]) < 47
  })

  it.each(cases)('$request: $status $message', async ({ request, body, status, message, before }) => {
    const [method, path] = request.split(' ') as [string, string]
    const answer = await call(engine(), method, path, body)
    const wanted = { status, message, ...(old ? before : {}) }
    expect(answer.json(), answer.body.toString()).toEqual({
      message: typeof wanted.message === 'string' ? wanted.message : expect.stringMatching(wanted.message),
    })
    expect(answer.status).toBe(wanted.status)
  })

  it('a container that is not running refuses what needs a process', async () => {
    const name = fresh('idle')
    const { Id } = (await call(engine(), 'POST', `/containers/create?name=${name}`, { Image: 'busybox' })).json()
    const refused = async (method: string, path: string, body?: unknown) => {
      const { status, json } = await call(engine(), method, `/containers/${name}${path}`, body)
      return `${status} ${json().message.replaceAll(Id, 'ID').replaceAll(name, 'NAME')}`
    }
    expect(await refused('POST', '/kill')).toMatch(/^409 (Cannot|cannot) kill container: NAME: (Container|container) ID is not running$/)
    expect(await refused('POST', '/pause')).toMatch(/^409 (Container|container) ID is not running$/)
    expect(await refused('POST', '/unpause')).toMatch(/^(409|500) (Container|container) ID is not paused$/)
    expect(await refused('GET', '/top')).toMatch(/^409 (Container|container) ID is not running$/)
    expect(await refused('POST', '/exec', { Cmd: ['true'] })).toMatch(/^409 (Container|container) ID is not running$/)
    expect(await refused('POST', '/resize?h=1&w=1')).toMatch(/^409 (Container|container) ID is not running$/)
    expect((await call(engine(), 'DELETE', `/containers/${name}`)).status).toBe(204)
  }) // prettier-ignore
})
