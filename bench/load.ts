import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { imageArchive, makeImage, tar } from '../test/kit/images'
import { ask, image, must, onEach, type Comparable } from './compare'
import { time } from './measure'

/** Three layers of 30 MB: every other file is text, the rest cannot be compressed. */
async function layers(): Promise<Buffer[]> {
  const text = Buffer.from('The quick brown fox jumps over the lazy dog.\n'.repeat(6700))
  const made: Buffer[] = []
  for (let layer = 0; layer < 3; layer++) {
    const files = Array.from({ length: 100 }, (_, i): [string, Buffer] => [
      `usr/share/bench-${layer}/${i}`,
      i % 2 ? text : randomBytes(300_000),
    ])
    made.push(await tar(files))
  }
  return made
}

export const load: Comparable = {
  summary: 'an image of 90 MB in three layers, by the docker command',
  async measure(input) {
    const { Os, Architecture } = (await ask(input.engines[0]!, 'GET', `/images/${image}/json`)).json()
    const name = `bench-load-${process.pid}:v1`
    const file = join(input.scratch, 'load.tar')
    const made = makeImage(await layers(), { os: Os, architecture: Architecture })
    await writeFile(file, await imageArchive(made, name))
    const samples = await onEach({ ...input, runs: Math.ceil(input.runs / 4) }, async (engine) => {
      const ms = await time(() => must(engine, 'load', '-q', '-i', file))
      await must(engine, 'rmi', name)
      return ms
    })
    return [{ what: 'load of 90 MB', unit: 'ms', bar: 1, samples }]
  },
}
