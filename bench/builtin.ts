import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEngine, type OwnEngine } from '../test/kit/engine'
import { call } from '../test/kit/http'
import { must, type Contest } from './compare'
import { interleave, time } from './measure'
import { table, type Line } from './report'

const idleMs = 20_000
/** Time for what a start leaves to do (first syncs, kept-alive connections) to end before idleness is measured. */
const settleMs = 3_000

interface MachineReport {
  boot: { kind: string; ms: number }
  host: { memory: number; cpuMs: number }
}

const machineReport = async (engine: OwnEngine): Promise<MachineReport> =>
  (await call(engine, 'GET', '/berth/machine')).json()

/** Per cent of one processor that the VM's processes use while nobody asks anything of the engine. */
async function idleCpu(engine: OwnEngine): Promise<number> {
  await sleep(settleMs)
  const before = (await machineReport(engine)).host.cpuMs
  const begun = performance.now()
  await sleep(idleMs)
  const after = (await machineReport(engine)).host.cpuMs
  return (100 * (after - before)) / (performance.now() - begun)
}

async function guestImageLine(script: string): Promise<Line> {
  const project = join(dirname(script), '..', '..')
  const folder = join(process.env.BERTH_ASSETS ?? join(project, '.cache'), 'guest')
  const { files } = JSON.parse(await readFile(join(folder, 'i386', 'manifest.json'), 'utf8')) as {
    files: Record<string, { size: number }>
  }
  const bytes = Object.values(files).reduce((sum, { size }) => sum + size, 0)
  return { what: 'guest image, all files', samples: [bytes / 1e6], unit: 'MB', bar: 'at most 20 MB' }
}

export const builtinSummary = 'cold boot, ready from snapshot, run, exec, idle CPU, memory, size of the guest image'

/** Measures the builtin machine by itself and gives the table. */
export async function builtin({ runs, script, scratch }: Contest): Promise<string> {
  const env = { BERTH_SNAPSHOT_DIR: join(scratch, 'snapshots') }
  const start = (dataDir?: string) => startEngine({ machine: 'builtin', dataDir, env, script })
  const cold = await start()
  let engine = cold
  try {
    const { boot } = await machineReport(cold)
    if (boot.kind !== 'cold') throw new Error(`the first boot was not cold but ${boot.kind}`)
    const resumed: number[] = []
    const resumedBoot: number[] = []
    for (let i = 0; i < Math.min(runs, 5); i++) {
      // The snapshot is written after the first boot is ready; a stop waits for it.
      await engine.stop()
      engine = await start(cold.dataDir)
      const report = await machineReport(engine)
      if (report.boot.kind !== 'snapshot')
        throw new Error(`a later boot was not from the snapshot but ${report.boot.kind}`)
      resumed.push(engine.readyMs)
      resumedBoot.push(report.boot.ms)
    }
    const idle = await idleCpu(engine)
    await must(engine, 'run', '-d', '--name', 'sleeper', 'busybox', 'sleep', '100000')
    const idleWithContainer = await idleCpu(engine)
    const [runMs, execMs] = await interleave(runs, [
      () => time(() => must(engine, 'run', '--rm', 'busybox', 'true')),
      () => time(() => must(engine, 'exec', 'sleeper', 'true')),
    ])
    const { host } = await machineReport(engine)
    return table([
      { what: 'first start: process to `engine ready`, cold boot', samples: [cold.readyMs], unit: 'ms' },
      { what: '  of it, machine start to agent', samples: [boot.ms], unit: 'ms' },
      {
        what: 'later start: process to `engine ready`, from snapshot',
        samples: resumed,
        unit: 'ms',
        bar: 'at most 1000 ms',
      },
      { what: '  of it, machine start to agent', samples: resumedBoot, unit: 'ms' },
      { what: 'docker run --rm busybox true', samples: runMs!, unit: 'ms', bar: 'at most 1500 ms' },
      { what: 'docker exec sleeper true', samples: execMs!, unit: 'ms' },
      { what: `idle CPU of the VM over ${idleMs / 1000} s, nothing running`, samples: [idle], unit: '%' },
      {
        what: `idle CPU of the VM over ${idleMs / 1000} s, one sleeping container`,
        samples: [idleWithContainer],
        unit: '%',
      },
      { what: 'resident memory of the VM process', samples: [host.memory / 2 ** 20], unit: 'MiB' },
      await guestImageLine(script),
    ])
  } finally {
    await engine.remove()
  }
}
