import { image, must, onEach, withSleepers, ask, type Comparable } from './compare'
import { time } from './measure'

export const run: Comparable = {
  summary: '`docker run --rm busybox true`, by the docker command',
  measure: async (input) => [
    {
      what: 'docker run --rm',
      unit: 'ms',
      bar: 0.4,
      samples: await onEach(input, (engine) => time(() => must(engine, 'run', '--rm', image, 'true'))),
    },
  ],
}

export const detached: Comparable = {
  summary: '`docker run -d` and `docker rm -f`, by the docker command',
  measure: async (input) => [
    {
      what: 'docker run -d, rm -f',
      unit: 'ms',
      bar: 1,
      samples: await onEach(input, (engine) =>
        time(async () => must(engine, 'rm', '-f', await must(engine, 'run', '-d', image, 'sleep', '1000'))),
      ),
    },
  ],
}

export const exec: Comparable = {
  summary: '`true` in a running container: create, start with its output, inspect; by the API',
  measure: (input) =>
    withSleepers(input.engines, async (idOf) => [
      {
        what: 'exec',
        unit: 'ms',
        bar: 1,
        samples: await onEach(input, (engine) =>
          time(async () => {
            const body = { AttachStdout: true, AttachStderr: true, Cmd: ['true'] }
            const { Id } = (await ask(engine, 'POST', `/containers/${idOf(engine)}/exec`, body)).json()
            await ask(engine, 'POST', `/exec/${Id}/start`, { Detach: false, Tty: false })
            const { ExitCode } = (await ask(engine, 'GET', `/exec/${Id}/json`)).json()
            if (ExitCode !== 0) throw new Error(`exec on ${engine.host} ended with ${ExitCode}`)
          }),
        ),
      },
    ]),
}
