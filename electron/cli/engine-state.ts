import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { defaultDataDir, hostOfDataDir } from '../../shared/paths'
import { EngineClient } from './client'
import type { Flags, FlagTable } from './flags'

export const engineFlags = {
  'data-dir': { kind: 'string', help: "Folder of the engine's state (default: BERTH_DATA_DIR, or Berth's own)" },
  host: { kind: 'string', help: 'Address of the engine (default: BERTH_HOST, or a socket in the data dir)' },
} satisfies FlagTable

/** Where the engine that the options name keeps its state and listens. */
export interface EnginePlace {
  dataDir: string
  host: string
}

export function placeOf(flags: Flags<typeof engineFlags>): EnginePlace {
  const around = { platform: process.platform, env: process.env, home: homedir() }
  const dataDir = flags['data-dir'] || defaultDataDir(around)
  const host = flags.host || process.env.BERTH_HOST || hostOfDataDir(dataDir, process.platform)
  return { dataDir, host }
}

export interface EngineState {
  /** The engine's process; undefined when the one that wrote the pid file has ended. */
  pid?: number
  /** The engine's start, milliseconds since the epoch. */
  since?: number
  /** It answers on its address. */
  answers: boolean
}

/** Whether a process is there, whoever it belongs to. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** What the pid file of a data dir and the address say about its engine. */
export async function readEngineState({ dataDir, host }: EnginePlace): Promise<EngineState> {
  const file = join(dataDir, 'engine.pid')
  const pid = Number(await readFile(file, 'utf8').catch(() => '')) || undefined
  const answers = await new EngineClient(host).version().then(
    () => true,
    () => false,
  )
  if (!pid || !isAlive(pid)) return { answers }
  return { pid, since: (await stat(file)).mtimeMs, answers }
}
