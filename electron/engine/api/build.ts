import { z } from 'zod'
import type { Builds } from '../builds/builds'
import type { BuildMessage } from '../builds/output'
import type { BuildRequest } from '../builds/request'
import { StepFailed } from '../builds/run'
import { EngineError, messageOf } from '../errors'
import type { Credentials } from '../registry/auth'
import { pruneFilters } from '../builds/prune'
import { filters, flag, integer, ok, type ApiAnswer, type ApiRequest, type Route } from './http'
import { progressAnswer } from './progress'
import { authConfig, credentialsOf } from './registry-auth'

/** The routes of Docker's builder. */
export function buildRoutes(builds: Builds): Route[] {
  // Builds that were given an id to cancel them by.
  const running = new Map<string, AbortController>()
  return [
    ['POST', '/build', (request) => build(builds, running, request)],
    [
      'POST',
      '/build/cancel',
      async ({ query }) => {
        const id = query.get('id')
        if (!id) throw new EngineError('invalid', 'build ID not provided')
        running.get(id)?.abort(new EngineError('invalid', 'Build cancelled'))
        return ok(undefined)
      },
    ],
    [
      'POST',
      '/build/prune',
      async ({ query }) => {
        const keep = integer(query, 'keep-storage', 0) || integer(query, 'reserved-space', 0)
        return ok(await builds.prune(filters(query, pruneFilters), keep))
      },
    ],
  ]
}

async function build(builds: Builds, running: Map<string, AbortController>, request: ApiRequest): Promise<ApiAnswer> {
  const wanted = buildRequest(request)
  const cancel = new AbortController()
  const name = request.query.get('buildid')
  if (name) running.set(name, cancel)
  const signal = AbortSignal.any([request.signal, cancel.signal])
  const quiet = flag(request.query, 'q')
  const source = request.stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  return progressAnswer(
    request.signal,
    async (tell) => {
      const held: BuildMessage[] = []
      try {
        const id = await builds.build(wanted, source, quiet ? (message) => void held.push(message) : tell, signal)
        if (quiet) await tell({ stream: `${id}\n` })
      } catch (error) {
        // A quiet build tells what it did when it fails.
        for (const message of held) await tell(message)
        throw error
      } finally {
        request.stream.resume()
        if (name) running.delete(name)
      }
    },
    (error) => (error instanceof StepFailed ? error.code : undefined),
  )
}

function buildRequest({ query, headers }: ApiRequest): BuildRequest {
  if (query.get('version') === '2') {
    throw new EngineError(
      'invalid',
      'BuildKit is not part of this engine: set DOCKER_BUILDKIT=0 to use its own builder',
    )
  }
  if (flag(query, 'squash')) {
    throw new EngineError('invalid', 'squash is only supported with experimental mode')
  }
  if (query.get('outputs') && query.get('outputs') !== '[]' && query.get('outputs') !== 'null') {
    throw new EngineError('invalid', 'outputs are a feature of BuildKit, which is not part of this engine')
  }
  const cacheFrom = json(query, 'cachefrom', z.array(z.string()), [])
  return {
    tags: query.getAll('t').filter(Boolean),
    dockerfile: query.get('dockerfile') ?? '',
    remote: query.get('remote') ?? '',
    noCache: flag(query, 'nocache'),
    cacheFrom: cacheFrom.length > 0 ? cacheFrom : undefined,
    pull: flag(query, 'pull'),
    rm: flag(query, 'rm', true),
    forceRm: flag(query, 'forcerm'),
    buildArgs: new Map(Object.entries(json(query, 'buildargs', z.record(z.string(), z.string().nullable()), {}))),
    labels: json(query, 'labels', z.record(z.string(), z.string()), {}),
    target: query.get('target') ?? '',
    platform: query.get('platform') ?? '',
    hostConfig: {
      Memory: number(query, 'memory'),
      MemorySwap: number(query, 'memswap'),
      CpuShares: number(query, 'cpushares'),
      CpuPeriod: number(query, 'cpuperiod'),
      CpuQuota: number(query, 'cpuquota'),
      CpusetCpus: query.get('cpusetcpus') ?? '',
      CpusetMems: query.get('cpusetmems') ?? '',
      CgroupParent: query.get('cgroupparent') ?? '',
      ShmSize: number(query, 'shmsize'),
      NetworkMode: query.get('networkmode') ?? '',
      ExtraHosts: query.getAll('extrahosts'),
      Ulimits: json(query, 'ulimits', z.array(z.object({ Name: z.string(), Hard: z.number(), Soft: z.number() })), []),
      SecurityOpt: query.getAll('securityopt'),
    },
    credentials: credentialsIn(headers['x-registry-config']),
  }
}

/** A number, 0 when it is none: dockerd lets that pass here. */
const number = (query: URLSearchParams, name: string) => Math.trunc(Number(query.get(name))) || 0

/** A parameter that is JSON. Throws kind 'invalid' for anything else. */
function json<S extends z.ZodType>(query: URLSearchParams, name: string, schema: S, absent: z.infer<S>): z.infer<S> {
  const text = query.get(name)
  if (!text) return absent
  try {
    return schema.parse(JSON.parse(text) ?? absent)
  } catch (error) {
    const what = name === 'buildargs' ? 'build args' : name
    throw new EngineError('invalid', `error reading ${what}: ${messageOf(error)}`)
  }
}

/** What X-Registry-Config carries: JSON in base64url. Like dockerd, what can't be read counts as nothing. */
function credentialsIn(header: string | string[] | undefined): Map<string, Credentials> {
  try {
    const configs: unknown = JSON.parse(Buffer.from(String(header), 'base64url').toString())
    const found = Object.entries(z.record(z.string(), authConfig).parse(configs))
    return new Map(found.map(([registry, config]) => [registry, credentialsOf(config)]))
  } catch {
    return new Map()
  }
}
