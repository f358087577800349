import type { StageReport } from './app'

export type EngineLine =
  | { type: 'stage'; report: StageReport }
  | { type: 'failed'; stage?: string; message: string; fix: string }
  | { type: 'ready'; host: string; machine: string; ms: number }

/**
 * Reads one line of the engine's standard output under `--json-stages`:
 * `stage {...}`, `failed {...}` or `engine ready HOST machine=KIND in N ms`. Undefined for any other line.
 */
export function parseEngineLine(line: string): EngineLine | undefined {
  const ready = /^engine ready (\S+) machine=(\S+) in ([\d.]+) ms/.exec(line)
  if (ready) return { type: 'ready', host: ready[1]!, machine: ready[2]!, ms: Number(ready[3]) }
  const [, type, json] = /^(stage|failed) (\{.*\})$/.exec(line) ?? []
  if (!json) return undefined
  try {
    const value = JSON.parse(json)
    if (type === 'stage') return { type, report: { stage: value.stage, text: value.text, progress: value.progress } }
    return { type: 'failed', stage: value.stage, message: value.message, fix: value.fix }
  } catch {
    return undefined
  }
}
