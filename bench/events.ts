import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import type { TestEngine } from '../test/kit/engine'
import { ask, makeContainers, onEach, removeContainers, type Comparable } from './compare'
import { time } from './measure'

/** A client of /events: `next` resolves with the next event. */
async function listen(engine: TestEngine) {
  const sent = request({ socketPath: engine.socketPath, path: '/events' }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const lines = createInterface({ input: response })
  // It is we who end the answer.
  lines.on('error', () => undefined)
  return { next: () => once(lines, 'line'), close: () => sent.destroy() }
}

export const events: Comparable = {
  summary: 'from the call that renames a container to its event at another client, by the API',
  async measure(input) {
    const clients = new Map<TestEngine, { id: string; listener: Awaited<ReturnType<typeof listen>> }>()
    let renames = 0
    try {
      for (const engine of input.engines) {
        const [id] = await makeContainers(engine, 1, { Cmd: ['true'] })
        clients.set(engine, { id: id!, listener: await listen(engine) })
      }
      const samples = await onEach(input, async (engine) => {
        const { id, listener } = clients.get(engine)!
        const name = `bench-${process.pid}-${renames++}`
        const renamed = { answer: Promise.resolve() as Promise<unknown> }
        const ms = await time(() => {
          const seen = listener.next()
          renamed.answer = ask(engine, 'POST', `/containers/${id}/rename?name=${name}`)
          return seen
        })
        await renamed.answer
        return ms
      })
      return [{ what: 'event of a rename', unit: 'ms', bar: 1, samples }]
    } finally {
      for (const [engine, { id, listener }] of clients) {
        listener.close()
        await removeContainers(engine, [id])
      }
    }
  },
}
