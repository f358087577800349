import { z } from 'zod'
import { EngineError } from '../errors'
import type { Volumes } from '../volumes/volumes'
import { created, filters, flag, matchesLabels, noContent, ok, type Route } from './http'

const createBody = z.object({
  Name: z.string().nullish(),
  Driver: z.string().nullish(),
  DriverOpts: z.record(z.string(), z.string()).nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
})

const invalidDangling = (values: string[]) =>
  new EngineError('invalid', `invalid filter 'dangling=[${values.join(' ')}]'`)

/** The routes under /volumes. */
export function volumeRoutes(volumes: Volumes): Route[] {
  return [
    [
      'GET',
      '/volumes',
      async ({ query }) => {
        const wanted = filters(query, ['dangling', 'driver', 'label', 'name'])
        for (const value of wanted.get('dangling') ?? []) {
          if (!['0', '1', 'true', 'false'].includes(value)) throw invalidDangling(wanted.get('dangling')!)
        }
        const all = volumes.list()
        const shown = all.filter(
          ({ volume, usedBy }) =>
            (wanted.get('name')?.some((name) => volume.Name.includes(name)) ?? true) &&
            (wanted.get('driver')?.includes(volume.Driver) ?? true) &&
            (wanted.get('dangling')?.some((value) => ['1', 'true'].includes(value) === (usedBy.length === 0)) ??
              true) &&
            matchesLabels(volume.Labels ?? {}, wanted.get('label')),
        )
        return ok({ Volumes: shown.map(({ volume }) => volume), Warnings: null })
      },
    ],
    ['GET', '/volumes/{name}', async ({ params }) => ok(volumes.get(params.name!))],
    [
      'POST',
      '/volumes/create',
      async (request) => {
        const body = await request.json(createBody)
        return created(
          await volumes.ensure(body.Name ?? '', {
            driver: body.Driver ?? undefined,
            options: body.DriverOpts ?? undefined,
            labels: body.Labels ?? undefined,
          }),
        )
      },
    ],
    [
      'DELETE',
      '/volumes/{name}',
      async ({ params, query }) => {
        await volumes.remove(params.name!, flag(query, 'force'))
        return noContent()
      },
    ],
    [
      'POST',
      '/volumes/prune',
      async ({ query, version }) => {
        const wanted = filters(query, ['all', 'label', 'label!'])
        // Since API 1.42 only anonymous volumes go unless `all` is asked for.
        const all = version < 1.42 || ['1', 'true'].includes(wanted.get('all')?.[0] ?? '')
        const candidates = volumes
          .list()
          .filter(
            ({ volume, anonymous }) =>
              (all || anonymous) &&
              matchesLabels(volume.Labels ?? {}, wanted.get('label')) &&
              !(wanted.has('label!') && matchesLabels(volume.Labels ?? {}, wanted.get('label!'))),
          )
        return ok(await volumes.prune(candidates.map(({ volume }) => volume.Name)))
      },
    ],
  ]
}
