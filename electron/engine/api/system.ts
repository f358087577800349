import { Readable } from 'node:stream'
import { EngineError } from '../errors'
import type { DockerEvent, Events } from '../events/events'
import { matchesEvent, parseTime } from '../events/filter'
import { diskUsage, diskUsageTypes, type DiskUsageSources, type DiskUsageType } from '../system/disk-usage'
import { infoOf, versionOf, type SystemOptions } from '../system/system'
import { filters, ok, stream, type ApiRequest, type Route } from './http'

const eventFilters = [
  'builder',
  'config',
  'container',
  'daemon',
  'event',
  'id',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
]

/** /_ping, /version, /info, /events and /system/df. */
export function systemRoutes(system: SystemOptions, events: Events, disk: DiskUsageSources): Route[] {
  const ping = (body: string) => async () => ({
    status: 200,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-cache, no-store, must-revalidate',
      Pragma: 'no-cache',
    },
    body,
  })
  return [
    ['GET', '/_ping', ping('OK')],
    ['HEAD', '/_ping', ping('')],
    ['GET', '/version', async () => ok(versionOf(system.facts()))],
    ['GET', '/info', async () => ok(infoOf(system))],
    ['GET', '/events', async (request) => stream('application/json', eventStream(request, events))],
    [
      'GET',
      '/system/df',
      async ({ query, version }) => ok(await diskUsage(disk, typesOf(query.getAll('type'), version), version)),
    ],
    [
      'POST',
      '/session',
      async () => Promise.reject(new EngineError('unsupported', 'BuildKit sessions are not available yet')),
    ],
  ]
}

/** Kinds can be chosen since API 1.42. */
function typesOf(asked: string[], version: number): ReadonlySet<DiskUsageType> {
  if (version < 1.42 || asked.length === 0) return new Set(diskUsageTypes)
  const unknown = asked.find((type) => !(diskUsageTypes as readonly string[]).includes(type))
  if (unknown !== undefined) throw new EngineError('invalid', `unknown object type: ${unknown}`)
  return new Set(asked as DiskUsageType[])
}

/** Past events since `since`, then live ones until `until`, as JSON lines. */
function eventStream({ query, signal }: ApiRequest, events: Events): Readable {
  const wanted = filters(query, eventFilters)
  const since = parseTime(query.get('since'))
  const until = parseTime(query.get('until'))
  if (since !== undefined && until !== undefined && since > until) {
    const [from, to] = [query.get('since'), query.get('until')]
    throw new EngineError('invalid', `\`since\` time (${from}) cannot be after \`until\` time (${to})`)
  }
  const out = new Readable({ read: () => undefined })
  const tell = (event: DockerEvent) => {
    if ((until === undefined || event.timeNano / 1e9 <= until) && matchesEvent(event, wanted))
      out.push(JSON.stringify(event) + '\n')
  }
  if (since !== undefined) for (const event of events.since(since)) tell(event)
  const left = until === undefined ? Infinity : until * 1000 - Date.now()
  if (left <= 0) {
    out.push(null)
    return out
  }
  const stopListening = events.listen(tell)
  const timer = left === Infinity ? undefined : setTimeout(() => out.push(null), Math.min(left, 2 ** 31 - 1))
  const end = () => {
    stopListening()
    clearTimeout(timer)
  }
  out.once('close', end)
  signal.addEventListener('abort', () => out.destroy())
  return out
}
