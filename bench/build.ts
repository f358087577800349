import type { TestEngine } from '../test/kit/engine'
import { tar } from '../test/kit/images'
import { ask, image, must, onEach, type Comparable } from './compare'
import { time } from './measure'

const dockerfile = `FROM ${image}
ENV A=1
WORKDIR /app
COPY one one
RUN echo two >two
RUN echo three >three
COPY four four
RUN cat one four >five
LABEL bench=yes
CMD ["cat", "five"]
`

async function build(engine: TestEngine, context: Buffer, name: string, query: string): Promise<void> {
  const { body } = await ask(engine, 'POST', `/build?t=${name}&version=1&rm=1${query}`, context)
  const failed = body.toString().split('\n').find((line) => line.includes('"errorDetail"')) // prettier-ignore
  if (failed) throw new Error(`build on ${engine.host}: ${failed}`)
}

export const builds: Comparable = {
  summary: 'a Dockerfile of ten steps, first without and then with the cache, by the API',
  async measure(input) {
    const context = await tar([['Dockerfile', dockerfile], ['one', 'one\n'], ['four', 'four\n']]) // prettier-ignore
    const name = `bench-build-${process.pid}`
    try {
      const cold = await onEach({ ...input, runs: Math.ceil(input.runs / 4) }, (engine) =>
        time(() => build(engine, context, name, '&nocache=1')),
      )
      const cached = await onEach(input, (engine) => time(() => build(engine, context, name, '')))
      return [
        { what: 'build of ten steps', unit: 'ms', bar: 1, samples: cold },
        { what: 'the same, cached', unit: 'ms', bar: 1, samples: cached },
      ]
    } finally {
      for (const engine of input.engines) {
        await engine.docker('rmi', name)
        await must(engine, 'image', 'prune', '-f')
      }
    }
  },
}
