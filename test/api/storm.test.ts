import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { call } from '../kit/http'
import { agentPid, startEngine, type OwnEngine } from '../kit/engine'
import { ok, runsOn } from '../kit/machines'

/** The same numbers in every run (mulberry32), 0 to 1. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Listed {
  Id: string
  State: string
}

const list = async (engine: OwnEngine) => (await call(engine, 'GET', '/containers/json?all=1')).json() as Listed[]

/** Verbs on a few names, until the engine is gone or the time is over; what they answer does not matter here. */
async function storm(engine: OwnEngine, random: () => number, until: AbortSignal, ids: Set<string>): Promise<void> {
  const body = { Image: 'busybox', Cmd: ['sh', '-c', 'while :; do echo x; sleep 0.2; done'], StopTimeout: 0 }
  while (!until.aborted) {
    const name = `storm-${Math.floor(random() * 6)}`
    const verb = Math.floor(random() * 8)
    const asked = (method: string, path: string, sent?: unknown) =>
      call(engine, method, path, sent).catch(() => ({ status: 0, json: () => ({}) }))
    if (verb < 3) {
      const made = await asked('POST', `/containers/create?name=${name}`, body)
      if (made.status === 201) ids.add((made.json() as { Id: string }).Id)
      await asked('POST', `/containers/${name}/start`)
    } else if (verb === 3) await asked('POST', `/containers/${name}/stop?t=0`)
    else if (verb === 4) await asked('DELETE', `/containers/${name}?force=1`)
    else if (verb === 5) await asked('POST', `/containers/${name}/restart?t=0`)
    else if (verb === 6) await asked('POST', `/containers/${name}/pause`)
    else await asked('POST', `/containers/${name}/unpause`)
  }
}

async function check(engine: OwnEngine, ids: ReadonlySet<string>): Promise<void> {
  const all = await list(engine)
  const live = new Set(all.filter(({ State }) => State === 'running' || State === 'paused').map(({ Id }) => Id))
  for (const { Id, State } of all) {
    expect(['created', 'running', 'paused', 'exited']).toContain(State)
    const { State: state } = (await call(engine, 'GET', `/containers/${Id}/json`)).json() as { State: { Pid: number } }
    if (live.has(Id)) expect(existsSync(`/proc/${state.Pid}`)).toBe(true)
  }
  const containers = join(engine.dataDir, 'native', 'machine', 'root', 'containers')
  const mounted = [...(await readFile('/proc/mounts', 'utf8')).matchAll(/ (\S+)\/merged overlay/g)]
    .map(([, path]) => path!)
    .filter((path) => path.startsWith(containers))
    .map((path) => path.slice(containers.length + 1))
  expect(new Set(mounted)).toEqual(live)
  const known = new Set(all.map(({ Id }) => Id))
  for (const folder of await readdir(containers)) expect(known).toContain(folder)
  const cgroups = ['/sys/fs/cgroup/pids/berth', '/sys/fs/cgroup/berth'].find((folder) => existsSync(folder))!
  const left = (await readdir(cgroups)).filter((name) => ids.has(name) && !live.has(name))
  expect(left).toEqual([])
}

describe.skipIf(!runsOn('native'))('kill -9 in a storm of verbs on native', () => {
  it('leaves what the next start repairs', { timeout: 180_000 }, async () => {
    const random = seeded(20)
    const ids = new Set<string>()
    let engine = await startEngine({ machine: 'native' })
    try {
      for (let round = 0; round < 6; round++) {
        const over = new AbortController()
        const clients = [1, 2, 3].map(() => storm(engine, random, over.signal, ids))
        await sleep(200 + random() * 1500)
        if (round % 3 === 2) {
          process.kill((await agentPid(engine.dataDir))!, 'SIGKILL')
          await sleep(random() * 300)
        } else {
          await engine.kill()
        }
        over.abort()
        await Promise.all(clients)
        const { dataDir } = engine
        await engine.kill()
        engine = await startEngine({ machine: 'native', dataDir })
        await check(engine, ids)
        ok(await engine.docker('run', '--rm', 'busybox', 'true'))
      }
      for (const { Id } of await list(engine)) ok(await engine.docker('rm', '-f', Id))
      expect(await list(engine)).toEqual([])
      await check(engine, ids)
    } finally {
      await engine.remove()
    }
  })
})
