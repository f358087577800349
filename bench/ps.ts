import { ask, makeContainers, onEach, removeContainers, type Comparable } from './compare'
import { time } from './measure'

const count = 200

export const ps: Comparable = {
  summary: `the list of all of ${count} containers, by the API`,
  async measure(input) {
    const made: string[][] = []
    try {
      for (const engine of input.engines) made.push(await makeContainers(engine, count, { Cmd: ['true'] }))
      const samples = await onEach(input, (engine) => time(() => ask(engine, 'GET', '/containers/json?all=1')))
      return [{ what: `ps -a, ${count} containers`, unit: 'ms', bar: 1, samples }]
    } finally {
      for (const [i, ids] of made.entries()) await removeContainers(input.engines[i]!, ids)
    }
  },
}
