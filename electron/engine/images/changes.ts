import { EngineError } from '../errors'
import type { ImageRunConfig } from './oci'

/**
 * Applies Dockerfile instructions that only touch an image's configuration, as `import --change` and `commit --change`
 * give them: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, WORKDIR, VOLUME, STOPSIGNAL, ONBUILD. Throws kind 'invalid'.
 */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  return changes.reduce(applyChange, config)
}

function applyChange(config: ImageRunConfig, change: string): ImageRunConfig {
  const [, word = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(change) ?? []
  const instruction = word.toUpperCase()
  if (rest === '')
    throw new EngineError('invalid', `dockerfile parse error: ${instruction} requires at least one argument`)
  switch (instruction) {
    case 'CMD':
      return { ...config, Cmd: command(rest) }
    case 'ENTRYPOINT':
      return { ...config, Entrypoint: command(rest) }
    case 'ENV': {
      const added = pairs(rest)
      const kept = (config.Env ?? []).filter((entry) => !added.has(entry.split('=', 1)[0]!))
      return { ...config, Env: [...kept, ...[...added].map(([name, value]) => `${name}=${value}`)] }
    }
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs(rest)) } }
    case 'EXPOSE':
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...setOf(rest.split(/\s+/).map(port)) } }
    case 'VOLUME':
      return { ...config, Volumes: { ...config.Volumes, ...setOf(execForm(rest) ?? rest.split(/\s+/)) } }
    case 'USER':
      return { ...config, User: rest }
    case 'WORKDIR':
      return { ...config, WorkingDir: rest.startsWith('/') ? rest : `${config.WorkingDir ?? ''}/${rest}` }
    case 'STOPSIGNAL':
      return { ...config, StopSignal: rest }
    case 'ONBUILD':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), rest] }
    default:
      throw new EngineError('invalid', `${word.toLowerCase()} is not a valid change command`)
  }
}

const setOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]))

/** The JSON form `["a", "b"]`, or undefined when it is not one. */
function execForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined
  } catch {
    return undefined
  }
}

const command = (text: string) => execForm(text) ?? ['/bin/sh', '-c', text]

function port(text: string): string {
  if (!/^\d+(-\d+)?(\/(tcp|udp|sctp))?$/.test(text)) throw new EngineError('invalid', `invalid containerPort: ${text}`)
  return text.includes('/') ? text : `${text}/tcp`
}

/** `KEY=VALUE …` with quotes and backslashes as in a Dockerfile, or the old form `KEY VALUE with spaces`. */
function pairs(text: string): Map<string, string> {
  const found = new Map<string, string>()
  const words = text.match(/(?:[^\s"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"|'[^']*')+/g) ?? []
  if (!words[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+(.*)$/s.exec(text) ?? []
    if (value === undefined) throw new EngineError('invalid', `ENV and LABEL must have two arguments: ${text}`)
    return found.set(key, value)
  }
  for (const word of words) {
    const at = word.indexOf('=')
    if (at <= 0)
      throw new EngineError('invalid', `Syntax error - can't find = in "${word}". Must be of the form: name=value`)
    found.set(unquote(word.slice(0, at)), unquote(word.slice(at + 1)))
  }
  return found
}

function unquote(text: string): string {
  return text.replace(
    /"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])/g,
    (_, double?: string, single?: string, escaped?: string) =>
      double === undefined ? (single ?? escaped ?? '') : double.replace(/\\(["\\$])/g, '$1'),
  )
}
