import { engineAt, startEngine, type TestEngine } from '../test/kit/engine'
import type { Benchmark } from './main'
import { interleave } from './measure'
import { ratio, table } from './report'

const image = 'busybox:latest'

async function must(engine: TestEngine, ...args: string[]) {
  const { code, stderr } = await engine.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(' ')} on ${engine.host}: exit code ${code}: ${stderr.trim()}`)
}

/** Gives the peer the very image that we have. */
async function shareImage(ours: TestEngine, peer: TestEngine, archive: string) {
  await must(ours, 'save', '-o', archive, image)
  await must(peer, 'load', '-q', '-i', archive)
}

export const run: Benchmark = {
  summary: '`docker run --rm busybox true` on the native machine, with --vs against another engine',
  async measure({ runs, vs, host, script, scratch }) {
    const own = host ? undefined : await startEngine({ machine: 'native', script })
    try {
      const ours = own ?? engineAt(host!)
      const engines = vs ? [ours, engineAt(vs)] : [ours]
      if (vs) await shareImage(ours, engines[1]!, `${scratch}/${image.replace(':', '-')}.tar`)
      const once = (engine: TestEngine) => () => must(engine, 'run', '--rm', image, 'true')
      const client = () => must(ours, 'version', '--format', '{{.Server.Version}}')
      const [clientSamples, ...samples] = await interleave(runs, [client, ...engines.map(once)])
      const lines = samples.map((ms, i) => ({
        what: `docker run --rm busybox true, ${i === 0 ? 'ours' : vs}`,
        samples: ms,
        unit: 'ms' as const,
      }))
      const floor = { what: 'docker version (the client and one call)', samples: clientSamples!, unit: 'ms' as const }
      const compared = samples[1] ? `\n\nours / peer: ${ratio(samples[0]!, samples[1])} (bar: at most 0.40)` : ''
      return table([...lines, floor]) + compared
    } finally {
      await own?.remove()
    }
  },
}
