import { Readable } from 'node:stream'
import { statHeader } from '../containers/archive'
import { createBody, updateBody } from '../containers/config'
import type { WaitCondition } from '../containers/container'
import type { Containers } from '../containers/containers'
import { listFilters } from '../containers/filters'
import { inspectContainer } from '../containers/inspect'
import { removeLink } from '../containers/links'
import { listContainers } from '../containers/list'
import { attach, carry, instant, logs, multiplexedStream, plainOutput, rawStream } from '../containers/streams'
import { topOf } from '../containers/top'
import { updateContainer } from '../containers/update'
import { EngineError } from '../errors'
import { parseTime } from '../events/filter'
import {
  created,
  filters,
  flag,
  integer,
  matchesLabels,
  noContent,
  ok,
  stream,
  type ApiRequest,
  type Route,
} from './http'

const stdioType = (tty: boolean, version: number) => (!tty && version >= 1.42 ? multiplexedStream : rawStream)

/** The routes under /containers. */
export function containerRoutes(containers: Containers): Route[] {
  const { options, store, lifecycle } = containers
  const named = ({ params }: ApiRequest) => containers.find(params.id!)
  const stopping = ({ query }: ApiRequest) => ({
    timeout: query.get('t') === null ? undefined : integer(query, 't', 0),
    signal: query.get('signal') ?? undefined,
  })
  return [
    [
      'GET',
      '/containers/json',
      async ({ query }) =>
        ok(
          await listContainers(options, store, {
            all: flag(query, 'all'),
            limit: integer(query, 'limit', 0),
            size: flag(query, 'size'),
            filters: filters(query, listFilters),
          }),
        ),
    ],
    [
      'POST',
      '/containers/create',
      async (request) => {
        const { container, warnings } = await containers.create({
          name: request.query.get('name') ?? '',
          platform: request.query.get('platform') || undefined,
          body: await request.json(createBody),
        })
        return created({ Id: container.id, Warnings: warnings })
      },
    ],
    [
      'POST',
      '/containers/prune',
      async ({ query }) => {
        const wanted = filters(query, ['label', 'label!', 'until'])
        const until = parseTime(wanted.get('until')?.[0] ?? null)
        return ok(
          await containers.prune(
            ({ settings: { config }, created: at }) =>
              matchesLabels(config.Labels, wanted.get('label')) &&
              !(wanted.has('label!') && matchesLabels(config.Labels, wanted.get('label!'))) &&
              (until === undefined || at / 1000 < until),
          ),
        )
      },
    ],
    [
      'GET',
      '/containers/{id*}/json',
      async (request) => {
        const container = named(request)
        const execIds = containers.execs.of(container)
        return ok(await inspectContainer(options, container, { size: flag(request.query, 'size'), execIds }))
      },
    ],
    [
      'POST',
      '/containers/{id}/start',
      async (request) => {
        await lifecycle.start(named(request))
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/stop',
      async (request) => {
        await lifecycle.stop(named(request), stopping(request))
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/restart',
      async (request) => {
        await lifecycle.restart(named(request), stopping(request))
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/kill',
      async (request) => {
        await lifecycle.kill(named(request), request.query.get('signal') ?? '')
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/pause',
      async (request) => {
        await lifecycle.pause(named(request))
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/unpause',
      async (request) => {
        await lifecycle.unpause(named(request))
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/rename',
      async (request) => {
        containers.rename(named(request), request.query.get('name') ?? '')
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/update',
      async (request) =>
        ok({ Warnings: await updateContainer(options, store, named(request), await request.json(updateBody)) }),
    ],
    [
      'DELETE',
      '/containers/{id*}',
      async (request) => {
        const { query } = request
        if (flag(query, 'link')) removeLink(store, request.params.id!)
        else await lifecycle.remove(named(request), { force: flag(query, 'force'), volumes: flag(query, 'v') })
        return noContent()
      },
    ],
    [
      'POST',
      '/containers/{id}/wait',
      async (request) => {
        const container = named(request)
        const condition = (request.query.get('condition') || 'not-running') as WaitCondition
        if (!['not-running', 'next-exit', 'removed'].includes(condition)) {
          throw new EngineError('invalid', `invalid condition: "${condition}"`)
        }
        // The head goes out at once: clients start the container when they have it.
        const answer = container
          .wait(condition, request.signal)
          .then((exitCode) => JSON.stringify({ StatusCode: exitCode }) + '\n')
        // A client that goes away aborts it; there is nobody left to tell.
        answer.catch(() => undefined)
        return stream('application/json', Readable.from(once(answer)))
      },
    ],
    [
      'POST',
      '/containers/{id}/attach',
      async (request) => {
        const session = await attach(options, named(request), attachRequest(request))
        carry(session, await request.hijack(stdioType(session.tty, request.version)))
        return undefined
      },
    ],
    [
      'GET',
      '/containers/{id}/attach/ws',
      async (request) => {
        const session = await attach(options, named(request), attachRequest(request))
        carry({ ...session, stream: session.tty ? session.stream : plainOutput(session.stream) }, request.webSocket())
        return undefined
      },
    ],
    [
      'GET',
      '/containers/{id}/logs',
      async (request) => {
        const { query, version, signal } = request
        const container = named(request)
        const [stdout, stderr] = [flag(query, 'stdout'), flag(query, 'stderr')]
        if (!stdout && !stderr) {
          throw new EngineError('invalid', 'Bad parameters: you must choose at least one stream')
        }
        const tail = query.get('tail') ?? 'all'
        const wanted = {
          stdout,
          stderr,
          since: instant(query.get('since')),
          until: instant(query.get('until')),
          tail: /^\d+$/.test(tail) ? Number(tail) : -1,
          follow: flag(query, 'follow'),
          timestamps: flag(query, 'timestamps'),
          details: flag(query, 'details'),
        }
        const found = await logs(options, container, wanted, signal)
        return stream(stdioType(container.settings.config.Tty, version), found ?? Readable.from([]))
      },
    ],
    [
      'POST',
      '/containers/{id}/resize',
      async (request) => {
        const container = named(request)
        const [rows, cols] = [integer(request.query, 'h', 0), integer(request.query, 'w', 0)]
        lifecycle.mustLive(container, `container ${container.id} is not running`)
        await options.guest().call('container.resize', { id: container.id, rows, cols })
        lifecycle.emit(container, 'resize', { height: String(rows), width: String(cols) })
        return ok(undefined)
      },
    ],
    [
      'GET',
      '/containers/{id}/top',
      async (request) => ok(await topOf(options, named(request), request.query.get('ps_args') ?? '')),
    ],
    [
      'GET',
      '/containers/{id}/stats',
      async (request) => {
        const { query, signal } = request
        const container = named(request)
        if (flag(query, 'stream', true)) {
          return stream('application/json', Readable.from(containers.stats.follow(container, signal)))
        }
        return ok(await containers.stats.once(container, flag(query, 'one-shot'), signal))
      },
    ],
    [
      'GET',
      '/containers/{id}/changes',
      async (request) => {
        const root = await containers.roots.of(named(request))
        const { changes } = await options.guest().call('container.changes', { root })
        return ok(changes.map(({ path, kind }) => ({ Path: path, Kind: kind })))
      },
    ],
    [
      'GET',
      '/containers/{id}/export',
      async (request) => {
        const container = named(request)
        const found = options.guest().open('container.export', { root: await containers.roots.of(container) })
        await found.reply
        lifecycle.emit(container, 'export')
        return stream('application/octet-stream', found)
      },
    ],
    [
      'HEAD',
      '/containers/{id}/archive',
      async (request) => {
        const stat = await containers.archives.stat(named(request), pathOf(request))
        return { status: 200, headers: { 'X-Docker-Container-Path-Stat': statHeader(stat) } }
      },
    ],
    [
      'GET',
      '/containers/{id}/archive',
      async (request) => {
        const { stat, stream: tar } = await containers.archives.get(named(request), pathOf(request))
        const headers = { 'Content-Type': 'application/x-tar', 'X-Docker-Container-Path-Stat': statHeader(stat) }
        return { status: 200, headers, body: tar }
      },
    ],
    [
      'PUT',
      '/containers/{id}/archive',
      async (request) => {
        await containers.archives.put(named(request), pathOf(request), {
          tar: request.stream,
          noOverwriteDirNonDir: flag(request.query, 'noOverwriteDirNonDir'),
          copyUidGid: flag(request.query, 'copyUIDGID'),
        })
        return ok(undefined)
      },
    ],
  ]
}

async function* once(text: Promise<string>): AsyncGenerator<string> {
  yield await text
}

function attachRequest({ query }: ApiRequest) {
  return {
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    stderr: flag(query, 'stderr'),
    logs: flag(query, 'logs'),
    stream: flag(query, 'stream'),
    detachKeys: query.get('detachKeys') ?? '',
  }
}

function pathOf({ query }: ApiRequest): string {
  const path = query.get('path')
  if (!path) throw new EngineError('invalid', "bad parameter: 'path' cannot be empty")
  return path
}
