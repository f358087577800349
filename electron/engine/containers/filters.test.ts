import Database from 'better-sqlite3'
import { beforeAll, describe, expect, test } from 'vitest'
import { schema } from '../store/schema'
import { createBody } from './config'
import { Container } from './container'
import { containerFilter } from './filters'
import { fresh, never, type State } from './state'
import { ContainerStore } from './store'

const exited = (exitCode: number): State => ({ ...fresh, status: 'exited', exitCode }) as State
const running: State = {
  status: 'running',
  pid: 1,
  startedAt: never,
  finishedAt: never,
  attachments: [],
  ports: [{ hostIp: '0.0.0.0', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
  oomKilled: false,
}
let store: ContainerStore

function add(id: string, name: string, image: string, state: State, body: object): void {
  const { config, hostConfig, endpoints } = createBody.parse(body)
  store.reserve(name, id)
  store.insert(
    new Container(id, name, image, 0, { config, hostConfig, endpoints: endpoints as never, mounts: [] }, state),
  )
}

beforeAll(() => {
  const db = new Database(':memory:')
  for (const step of schema) db.exec(step)
  store = new ContainerStore(db)
  const bridge = { NetworkingConfig: { EndpointsConfig: { bridge: {} } } }
  add('aa1', 'web-1', 'sha256:a', running, { ...bridge, Labels: { t: 'one' }, ExposedPorts: { '80/tcp': {} } })
  add('bb2', 'web-2', 'sha256:a', exited(3), { ...bridge, Labels: { t: 'two', x: '' } })
  add('bb3', 'db', 'sha256:b', fresh, { Image: 'redis:7' })
})

function matching(filters: Record<string, string[]>): string {
  const test = containerFilter(new Map(Object.entries(filters)), {
    store,
    imageId: (reference) => (reference === 'busybox' ? 'sha256:a' : undefined),
    networkName: (reference) => (reference === 'bridge' ? 'bridge' : undefined),
  })
  return store
    .all()
    .filter(test)
    .map(({ name }) => name)
    .join(' ')
}

test.each<[Record<string, string[]>, string]>([
  [{}, 'web-1 web-2 db'],
  [{ status: ['running'] }, 'web-1'],
  [{ status: ['running', 'created'] }, 'web-1 db'],
  [{ exited: ['3'] }, 'web-2'],
  [{ exited: ['0'] }, ''],
  [{ name: ['web'] }, 'web-1 web-2'],
  [{ name: ['^/web-1$'] }, 'web-1'],
  [{ name: ['^web-1$', 'db'] }, 'web-1 db'],
  [{ id: ['bb'] }, 'web-2 db'],
  [{ label: ['t'] }, 'web-1 web-2'],
  [{ label: ['t=two', 'x'] }, 'web-2'],
  [{ ancestor: ['busybox'] }, 'web-1 web-2'],
  [{ ancestor: ['redis:7'] }, 'db'],
  [{ before: ['web-2'] }, 'web-1'],
  [{ since: ['web-2'] }, 'db'],
  [{ network: ['bridge'] }, 'web-1 web-2'],
  [{ publish: ['80'] }, 'web-1'],
  [{ publish: ['70-90/udp'] }, ''],
  [{ expose: ['79-81'] }, 'web-1'],
  [{ 'is-task': ['false'] }, 'web-1 web-2 db'],
  [{ status: ['exited'], name: ['db'] }, ''],
])('%j', (filters, names) => expect(matching(filters)).toBe(names))

test.each<[Record<string, string[]>, string]>([
  [{ status: ['nosuch'] }, "invalid filter 'status=nosuch'"],
  [{ exited: ['x'] }, "invalid filter 'exited=x'"],
  [{ publish: ['x'] }, "invalid filter 'publish=x'"],
  [{ before: ['nosuch'] }, 'No such container: nosuch'],
])('%j is refused', (filters, message) => expect(() => matching(filters)).toThrow(message))

describe('the store', () => {
  test.each([
    ['aa1', 'aa1'],
    ['a', 'aa1'],
    ['web-2', 'bb2'],
    ['/db', 'bb3'],
  ])('finds %s', (reference, id) => expect(store.find(reference).id).toBe(id))
  test('refuses an ambiguous prefix', () =>
    expect(() => store.find('bb')).toThrow('multiple IDs found with provided prefix: bb'))
  test('refuses a taken name', () =>
    expect(() => store.reserve('db', 'cc4')).toThrow(
      'Conflict. The container name "/db" is already in use by container "bb3". ' +
        'You have to remove (or rename) that container to be able to reuse that name.',
    ))
})
