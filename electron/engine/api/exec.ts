import { z } from 'zod'
import { frame, STDOUT } from '../../../shared/stdio'
import type { Containers } from '../containers/containers'
import { showExec } from '../containers/execs'
import { carry, framedOutput, multiplexedStream, plainOutput, rawStream, type Session } from '../containers/streams'
import { messageOf } from '../errors'
import { created, integer, ok, type ApiRequest, type Route } from './http'

const size = z.tuple([z.number(), z.number()]).nullish()

const createBody = z.object({
  AttachStdin: z.boolean().nullish(),
  AttachStdout: z.boolean().nullish(),
  AttachStderr: z.boolean().nullish(),
  Tty: z.boolean().nullish(),
  DetachKeys: z.string().nullish(),
  Cmd: z.array(z.string()).nullish(),
  Env: z.array(z.string()).nullish(),
  WorkingDir: z.string().nullish(),
  User: z.string().nullish(),
  Privileged: z.boolean().nullish(),
  ConsoleSize: size,
})

const startBody = z.object({ Detach: z.boolean().nullish(), Tty: z.boolean().nullish(), ConsoleSize: size })

/** The routes of exec: made under a container, then by their own ids. */
export function execRoutes(containers: Pick<Containers, 'execs' | 'find'>): Route[] {
  const { execs } = containers
  return [
    [
      'POST',
      '/containers/{id}/exec',
      async (request) => {
        const body = await request.json(createBody)
        const [rows, cols] = body.ConsoleSize ?? [0, 0]
        const exec = execs.create(containers.find(request.params.id!), {
          stdin: body.AttachStdin ?? false,
          stdout: body.AttachStdout ?? false,
          stderr: body.AttachStderr ?? false,
          tty: body.Tty ?? false,
          detachKeys: body.DetachKeys ?? '',
          args: body.Cmd ?? [],
          env: body.Env ?? [],
          cwd: body.WorkingDir ?? '',
          user: body.User ?? '',
          privileged: body.Privileged ?? false,
          rows,
          cols,
        })
        return created({ Id: exec.id })
      },
    ],
    [
      'POST',
      '/exec/{id}/start',
      async (request) => {
        const exec = execs.find(request.params.id!)
        const { Detach, Tty, ConsoleSize } = await request.json(startBody)
        const detach = Detach ?? false
        const starting = execs.start(exec, { detach, size: ConsoleSize ?? undefined })
        if (detach) {
          await starting
          return ok(undefined)
        }
        return attached(request, starting, Tty ?? false)
      },
    ],
    ['GET', '/exec/{id}/json', async ({ params }) => ok(showExec(execs.find(params.id!)))],
    [
      'POST',
      '/exec/{id}/resize',
      async ({ params, query }) => {
        await execs.resize(execs.find(params.id!), integer(query, 'h', 0), integer(query, 'w', 0))
        return ok(undefined)
      },
    ],
  ]
}

/**
 * As dockerd, the head of the answer goes out before the command starts: clients that read it through a buffer lose what
 * comes together with it. A command that could not be started is told on the connection; its exit code stands in the
 * inspect. Whether the output is framed is for this request to say, and not for the exec: `raw` is its Tty.
 */
async function attached(request: ApiRequest, starting: Promise<Session>, raw: boolean): Promise<undefined> {
  const type = !raw && request.version >= 1.42 ? multiplexedStream : rawStream
  starting.catch(() => undefined)
  const client = await request.hijack(type)
  try {
    const session = await starting
    const stream =
      session.tty === raw ? session.stream : raw ? plainOutput(session.stream) : framedOutput(session.stream)
    carry({ ...session, stream }, client)
  } catch (error) {
    const text = Buffer.from(`${messageOf(error)}\r\n`)
    client.end(raw ? text : frame(STDOUT, text))
  }
  return undefined
}
