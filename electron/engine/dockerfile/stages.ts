import { EngineError } from '../errors'
import { parseFrom, parseInstruction, type Body, type From, type Instruction } from './instructions'
import { readSource } from './source'

export interface Stage extends From {
  /** The FROM as it was written. */
  original: string
  instructions: Instruction[]
}

/** A whole Dockerfile. */
export interface Dockerfile {
  /** The ARGs before the first FROM. */
  globals: (Extract<Body, { kind: 'ARG' }> & { original: string })[]
  stages: Stage[]
  escape: string
  warnings: string[]
}

/** Reads a Dockerfile; `name` is what it is called in errors. Throws kind 'invalid' in dockerd's words. */
export function parseDockerfile(text: string, name: string): Dockerfile {
  const { nodes, escape, warnings } = readSource(text, name)
  const file: Dockerfile = { globals: [], stages: [], escape, warnings }
  for (const node of nodes) {
    const stage = file.stages.at(-1)
    if (node.keyword === 'FROM') {
      file.stages.push({ ...parseFrom(node), original: node.original, instructions: [] })
      continue
    }
    const instruction = parseInstruction(node, escape)
    if (stage) stage.instructions.push(instruction)
    else if (instruction.kind === 'ARG') file.globals.push(instruction)
    else throw new EngineError('invalid', 'no build stage in current context')
  }
  if (file.stages.length === 0) throw new EngineError('invalid', 'no build stage in current context')
  return file
}

/** The stages that are needed up to the one named (or numbered) `target`, '' for the last. Throws kind 'invalid'. */
export function stagesUpTo(stages: readonly Stage[], target: string): Stage[] {
  if (target === '') return [...stages]
  const named = stages.findIndex(({ name }) => name === target.toLowerCase())
  const index = named < 0 && /^\d+$/.test(target) ? Number(target) : named
  if (index < 0 || index >= stages.length) {
    throw new EngineError('invalid', `failed to reach build target ${target} in Dockerfile`)
  }
  return stages.slice(0, index + 1)
}
