import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { must, onEach, withSleepers, type Comparable } from './compare'
import { time } from './measure'

export const cp: Comparable = {
  summary: 'a file of 100 MB into a running container and out again, by the docker command',
  async measure(input) {
    const file = join(input.scratch, 'big')
    await writeFile(file, randomBytes(100_000_000))
    const few = { ...input, runs: Math.ceil(input.runs / 4) }
    return withSleepers(input.engines, async (idOf) => {
      const into = await onEach(few, (engine) => time(() => must(engine, 'cp', file, `${idOf(engine)}:/big`)))
      const out = await onEach(few, (engine) =>
        time(() => must(engine, 'cp', `${idOf(engine)}:/big`, join(input.scratch, 'copy'))),
      )
      return [
        { what: 'cp of 100 MB in', unit: 'ms', bar: 1, samples: into },
        { what: 'cp of 100 MB out', unit: 'ms', bar: 1, samples: out },
      ]
    })
  },
}
