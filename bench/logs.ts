import type { TestEngine } from '../test/kit/engine'
import { image, must, mustDrop, onEach, removeContainers, type Comparable } from './compare'
import { time } from './measure'

/** One million lines of 100 bytes. */
const script = `yes ${'x'.repeat(99)} | head -n 1000000`

export const logs: Comparable = {
  summary: 'reading a log of 100 MB in a million lines, by the docker command',
  async measure(input) {
    const ids = new Map<TestEngine, string>()
    try {
      for (const engine of input.engines) {
        ids.set(engine, await must(engine, 'run', '-d', image, 'sh', '-c', script))
        await must(engine, 'wait', ids.get(engine)!)
      }
      const samples = await onEach({ ...input, runs: Math.ceil(input.runs / 4) }, (engine) =>
        time(() => mustDrop(engine, 'logs', ids.get(engine)!)),
      )
      return [{ what: 'logs of 100 MB', unit: 'ms', bar: 1, samples }]
    } finally {
      for (const [engine, id] of ids) await removeContainers(engine, [id])
    }
  },
}
