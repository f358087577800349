import { configure, nameOf, type Draft } from '../dockerfile/configure'
import { parseLine } from '../dockerfile/instructions'
import { EngineError } from '../errors'
import type { ImageRunConfig } from './oci'

/**
 * Applies Dockerfile instructions that only touch an image's configuration, as `import --change` and `commit --change`
 * give them: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR. Variables are
 * those of the configuration. Throws kind 'invalid'.
 */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  let draft: Draft = { config, commandSet: false }
  for (const change of changes.filter((line) => line.trim() !== '')) {
    const instruction = parseLine(change)
    const { Env = [] } = draft.config
    const lookup = (name: string) => Env.find((entry) => nameOf(entry) === name)?.slice(name.length + 1)
    const next = instruction.kind === 'SHELL' ? undefined : configure(draft, instruction, { lookup, escape: '\\' })
    if (!next) throw new EngineError('invalid', `${instruction.kind.toLowerCase()} is not a valid change command`)
    draft = next
  }
  return draft.config
}
