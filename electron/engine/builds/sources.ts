import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { EngineError } from '../errors'
import type { Context, Entry } from './context'
import { ignoring, isPattern, matcher } from './patterns'

/** What a COPY or ADD takes out of a context. */
export interface Selection {
  /** How many of the paths were found, patterns counted by what they matched. */
  sources: { path: string; entry: Entry }[]
  /** All entries to copy, folders before what is in them, with their names at the destination. */
  files: SelectedFile[]
}

export interface SelectedFile {
  name: string
  entry: Entry
  /** Where its bytes are. */
  context: Context
  /** It does not come from the build context: ADD leaves it packed. */
  remote?: boolean
}

/** `parents`: names keep their folders, from a `/./` on if there is one. `exclude`: patterns of what is left out. */
export interface SelectOptions {
  parents: boolean
  exclude: readonly string[]
  /** For errors. */
  instruction: string
}

/** Finds what paths and patterns mean. Throws kind 'invalid' in dockerd's words where there is nothing. */
export function select(context: Context, paths: readonly string[], options: SelectOptions): Selection {
  const failed = (message: string) => new EngineError('invalid', `${options.instruction} failed: ${message}`)
  const keeps = options.exclude.length > 0 ? ignoring(options.exclude.join('\n')) : () => true
  const selection: Selection = { sources: [], files: [] }
  for (const given of paths) {
    if (/^\.\.(\/|$)/.test(posix.normalize(given))) {
      throw failed(`forbidden path outside the build context: ${given} ()`)
    }
    const clean = posix.join('/', given).replace(/^\/|\/$/g, '')
    for (const path of isPattern(clean) ? matching(context, clean) : [clean]) {
      const entry = context.resolve(path)
      if (!entry) {
        const reason = 'file not found in build context or excluded by .dockerignore'
        throw failed(`${reason}: stat ${path}: file does not exist`)
      }
      const folder = entry.type === 'directory'
      const name = options.parents ? pivoted(given, path) : folder ? '' : posix.basename(path)
      selection.sources.push({ path, entry })
      if (name !== '' && keeps(path)) selection.files.push({ name, entry, context })
      for (const each of folder ? context.walk(entry.path) : []) {
        const below = entry.path === '' ? each.path : each.path.slice(entry.path.length + 1)
        if (keeps(posix.join(path, below))) {
          selection.files.push({ name: posix.join(name, below), entry: each, context })
        }
      }
    }
  }
  if (selection.sources.length === 0) throw failed('no source files were specified')
  return selection
}

/** The one file that a selection is; undefined for a folder or several things. */
export function singleFile({ sources, files }: Selection): SelectedFile | undefined {
  return sources.length === 1 && sources[0]!.entry.type !== 'directory' ? files[0] : undefined
}

/** A selection's kind, and the hex digest of its names, kinds, modes, links and bytes; times and owners do not count. */
export function digestOf(selection: Selection): { kind: 'file' | 'dir' | 'multi'; digest: string } {
  const hash = createHash('sha256')
  for (const { name, entry } of selection.files) {
    const { type, mode, link, digest, pax } = entry
    hash.update(JSON.stringify([name, type, mode, link, digest, pax]))
  }
  const kind = selection.sources.length > 1 ? 'multi' : singleFile(selection) ? 'file' : 'dir'
  return { kind, digest: hash.digest('hex') }
}

function matching(context: Context, pattern: string): string[] {
  const test = matcher(pattern)
  return [...context.walk()].map(({ path }) => path).filter((path) => test.test(path))
}

/** The part of a path that `--parents` keeps: what comes after a `/./` of the given one, otherwise all. */
function pivoted(given: string, path: string): string {
  const pivot = given.indexOf('/./')
  return pivot < 0 ? path : posix.relative(posix.join('/', given.slice(0, pivot)), `/${path}`)
}
