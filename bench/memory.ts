import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { TestEngine } from '../test/kit/engine'
import { ask, makeContainers, removeContainers, type Comparable } from './compare'

const count = 50

interface Process {
  pid: number
  parent: number
  words: string[]
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    // The process has ended, or is not ours to look at.
    return undefined
  }
}

/** The processes of this computer that are in no container. */
function processes(): Process[] {
  const here = readlinkSync('/proc/self/ns/pid')
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || attempt(() => readlinkSync(`/proc/${name}/ns/pid`)) !== here) return []
    const status = attempt(() => readFileSync(`/proc/${name}/status`, 'utf8'))
    const words = attempt(() => readFileSync(`/proc/${name}/cmdline`, 'utf8'))?.split('\0') ?? []
    return status ? [{ pid: Number(name), parent: Number(/^PPid:\s+(\d+)/m.exec(status)![1]), words }] : []
  })
}

/**
 * The processes that make up an engine: the one that was told to listen on the socket, those that it started, and those
 * that outlive it but work in a folder that it was given (agent, containerd, shims).
 */
function familyOf(engine: TestEngine): Process[] {
  const all = processes()
  const heads = all.filter(({ words }) => words.includes(engine.host))
  if (heads.length === 0) throw new Error(`no process of this computer was started with ${engine.host}`)
  const folders = heads.flatMap(({ words }) =>
    words.filter((_, i) => ['--data-dir', '--data-root', '--exec-root'].includes(words[i - 1] ?? '')),
  )
  const family = new Set(heads)
  const belongs = ({ parent, words }: Process) =>
    [...family].some(({ pid }) => pid === parent) ||
    words.some((word) => folders.some((folder) => word.startsWith(`${folder}/`)))
  for (let before = 0; before !== family.size;) {
    before = family.size
    for (const candidate of all) if (belongs(candidate)) family.add(candidate)
  }
  return [...family]
}

/** MiB of an engine's processes, pages that they share counted once (the kernel's proportional set size). */
function memoryOf(engine: TestEngine): number {
  const kib = familyOf(engine).map(({ pid }) => {
    const rollup = attempt(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? ''
    return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
  })
  return kib.reduce((sum, each) => sum + each, 0) / 1024
}

export const memory: Comparable = {
  summary: `memory of all processes of the engine, idle and with ${count} running containers`,
  async measure({ engines }) {
    const idle = engines.map((engine) => [memoryOf(engine)])
    const made: string[][] = []
    try {
      for (const engine of engines) {
        made.push(await makeContainers(engine, count, { Cmd: ['sleep', '100000'] }))
        for (const id of made.at(-1)!) await ask(engine, 'POST', `/containers/${id}/start`)
      }
      const busy = engines.map((engine) => [memoryOf(engine)])
      return [
        { what: 'memory, idle', unit: 'MiB', bar: 1, samples: [idle[0]!, idle[1]] },
        { what: `memory, ${count} containers`, unit: 'MiB', bar: 1, samples: [busy[0]!, busy[1]] },
      ]
    } finally {
      for (const [i, ids] of made.entries()) await removeContainers(engines[i]!, ids)
    }
  },
}
