import { matchesLabels } from '../api/http'
import { EngineError } from '../errors'
import type { Container } from './container'
import { endOf, isLive } from './state'
import type { ContainerStore } from './store'

/** The filters of GET /containers/json. */
export const listFilters = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
]
const statuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const healths = ['none', 'starting', 'healthy', 'unhealthy']

const bad = (name: string, value: string) => new EngineError('invalid', `invalid filter '${name}=${value}'`)

export interface FilterContext {
  store: ContainerStore
  /** The id of the image that a reference stands for. */
  imageId: (reference: string) => string | undefined
  /** The name of the network that a reference stands for. */
  networkName: (reference: string) => string | undefined
}

/** Turns filters into a test. Throws 'invalid' for values that can't be, 'notFound' for an unknown before or since. */
export function containerFilter(
  filters: Map<string, string[]>,
  { store, imageId, networkName }: FilterContext,
): (container: Container) => boolean {
  const all = store.all()
  const position = (reference: string) => all.indexOf(store.find(reference))
  const tests: ((container: Container) => boolean)[] = []
  const any = (name: string, test: (value: string) => (container: Container) => boolean) => {
    const values = filters.get(name)?.map(test)
    if (values) tests.push((container) => values.some((matches) => matches(container)))
  }
  any('ancestor', (value) => {
    const wanted = imageId(value)
    return ({ image, settings }) => image === wanted || settings.config.Image === value
  })
  any('before', (value) => {
    const limit = position(value)
    return (container) => all.indexOf(container) < limit
  })
  any('since', (value) => {
    const limit = position(value)
    return (container) => all.indexOf(container) > limit
  })
  any('exited', (value) => {
    if (!/^\d+$/.test(value)) throw bad('exited', value)
    return ({ state }) => !isLive(state) && state.status !== 'created' && endOf(state).exitCode === Number(value)
  })
  any('status', (value) => {
    if (!statuses.includes(value)) throw bad('status', value)
    return ({ state }) => state.status === value
  })
  any('health', (value) => {
    if (!healths.includes(value)) throw bad('health', value)
    return ({ health }) => (health?.Status ?? 'none') === value
  })
  any(
    'id',
    (value) =>
      ({ id }) =>
        id.startsWith(value),
  )
  any('name', (value) => {
    const pattern = nameTest(value)
    return ({ name }) => pattern(name)
  })
  any('network', (value) => {
    const wanted = networkName(value)
    return ({ settings }) => wanted !== undefined && wanted in settings.endpoints
  })
  any('volume', (value) => ({ settings }) => {
    return settings.mounts.some(({ name, destination }) => name === value || destination === value)
  })
  any('publish', (value) => {
    const wanted = portsOf(value, 'publish')
    return ({ state }) =>
      isLive(state) && state.ports.some(({ containerPort, protocol }) => wanted(containerPort, protocol))
  })
  any('expose', (value) => {
    const wanted = portsOf(value, 'expose')
    return ({ settings }) =>
      Object.keys(settings.config.ExposedPorts ?? {}).some((key) => {
        const [port, protocol = 'tcp'] = key.split('/')
        return wanted(Number(port), protocol)
      })
  })
  any('isolation', (value) => () => ['', 'default'].includes(value))
  any('is-task', (value) => {
    if (!['true', 'false', '1', '0'].includes(value)) throw bad('is-task', value)
    return () => ['false', '0'].includes(value)
  })
  tests.push(({ settings }) => matchesLabels(settings.config.Labels, filters.get('label')))
  return (container) => tests.every((test) => test(container))
}

/** A name filter is a regular expression that may match anywhere, with or without the leading slash. */
function nameTest(value: string): (name: string) => boolean {
  try {
    const pattern = new RegExp(value)
    return (name) => pattern.test(name) || pattern.test(`/${name}`)
  } catch {
    return (name) => name === value
  }
}

function portsOf(value: string, filter: string): (port: number, protocol: string) => boolean {
  const [, first, last = first, protocol = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value) ?? []
  if (first === undefined) throw bad(filter, value)
  return (port, ofPort) => ofPort === protocol && port >= Number(first) && port <= Number(last)
}
