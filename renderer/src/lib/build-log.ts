import type { BuildRecord } from '../../../shared/builds'
import { stripAnsi } from './ansi'

/** A message of POST /build, one a line. */
export interface BuildMessage {
  stream?: string
  status?: string
  id?: string
  error?: string
  aux?: { ID?: string }
}

/** Of one step's output so much is kept, from its end. */
const keptOfStep = 256 * 1024

/** The instructions of a Dockerfile with the line (from 1) that each begins on; continued lines and here-documents are part of it. */
export function instructionsOf(text: string): { line: number; text: string }[] {
  const lines = text.split(/\r?\n/)
  const found: { line: number; text: string }[] = []
  for (let at = 0; at < lines.length; at++) {
    if (!lines[at]!.trim() || /^\s*#/.test(lines[at]!)) continue
    const line = at + 1
    let instruction = lines[at]!.trim()
    while (/\\\s*$/.test(instruction) && at + 1 < lines.length) {
      const next = lines[++at]!.trim()
      if (next && !next.startsWith('#')) instruction = `${instruction.replace(/\\\s*$/, '')}${next}`
    }
    for (const [, quoted, bare] of instruction.matchAll(/<<-?(?:["'](\w+)["']|(\w+))/g)) {
      const end = quoted ?? bare
      while (at + 1 < lines.length && lines[++at]!.trim() !== end);
    }
    found.push({ line, text: instruction })
  }
  return found
}

/** The line of a step: its place where every instruction is a step, else the instruction with its words. */
export function lineOfStep({ text, total }: Pick<BuildRecord, 'text' | 'total'>, index: number, command: string) {
  const instructions = instructionsOf(text)
  if (instructions.length === total) return instructions[index - 1]?.line
  const words = command.split(/\s+/)[0]!.toLowerCase()
  return instructions.slice(index - 1).find((each) => each.text.toLowerCase().startsWith(words))?.line
}

/** Applies one message to a build; `now` is its time. */
export function applyBuildMessage(build: BuildRecord, message: BuildMessage, now: number): void {
  const current = build.steps.at(-1)
  if (message.aux?.ID) build.image = message.aux.ID
  if (message.error) return fail(build, message.error, now)
  const text = message.stream ?? (message.status ? `${message.id ? `${message.id}: ` : ''}${message.status}\n` : '')
  const [, index, total, command] = /^Step (\d+)\/(\d+) : (.*)$/s.exec(text) ?? []
  if (index) {
    finish(build, now)
    build.total = Number(total)
    build.steps.push({ index: Number(index), command: command!.trim(), state: 'running', startedAt: now, log: '' })
    return
  }
  if (!current || /^Successfully (built|tagged) /.test(text)) return
  if (/^ ---> Using cache/.test(text)) current.state = 'cached'
  else if (!/^(\n| ---> |Removing intermediate container )/.test(text))
    current.log = (current.log + stripAnsi(text)).slice(-keptOfStep)
}

function finish(build: BuildRecord, now: number): void {
  const step = build.steps.at(-1)
  if (!step || step.ms !== undefined) return
  step.ms = now - step.startedAt
  if (step.state === 'running') step.state = 'done'
}

/** The build ended well. */
export function endBuild(build: BuildRecord, now: number): void {
  finish(build, now)
  build.phase = 'done'
  build.ms = now - build.startedAt
}

/** The build failed, at its newest step or at the line that the error names. */
export function fail(build: BuildRecord, error: string, now: number, phase: 'failed' | 'cancelled' = 'failed'): void {
  const step = build.steps.at(-1)
  finish(build, now)
  if (step) step.state = 'failed'
  build.phase = phase
  build.ms = now - build.startedAt
  if (phase === 'cancelled') return
  build.error = error
  const [, line] = /\bline (\d+)/.exec(error) ?? []
  build.line = step ? lineOfStep(build, step.index, step.command) : line ? Number(line) : undefined
}
