import { familiarName, familiarRepository, parseReference } from '../../../shared/reference'
import { parseTimestamp } from '../../../shared/units'
import { matchesLabels } from '../api/http'
import { EngineError, messageOf } from '../errors'
import { createdAt, type FullImage } from './views'

/** Filters of GET /images/json and of POST /images/prune: name -> values, as the API has them. */
export type Filters = ReadonlyMap<string, string[]>

/** The filters of GET /images/json. */
export const listFilters = ['reference', 'dangling', 'label', 'before', 'since', 'until'] as const

/**
 * The images that satisfy every filter; with `reference`, each with only the names that were meant. `createdOf` gives
 * the time of another image by its name, in milliseconds since 1970.
 */
export function select(
  images: readonly FullImage[],
  filters: Filters,
  createdOf: (reference: string) => number,
): FullImage[] {
  const given = (name: string) => filters.get(name) ?? []
  const before = given('before').map(createdOf)
  const since = given('since').map(createdOf)
  const until = given('until').map(milliseconds)
  const dangling = danglingOf(filters)
  const patterns = filters.get('reference')?.map(globPattern)
  const meant = (name: string) => patterns!.some((pattern) => matchesReference(name, pattern))

  const found = images.filter(({ config, references }) => {
    const created = createdAt(config)
    const labels = config.config.Labels ?? {}
    return (
      matchesLabels(labels, given('label')) &&
      !given('label!').some((unwanted) => matchesLabels(labels, [unwanted])) &&
      before.every((limit) => created < limit) &&
      since.every((limit) => created > limit) &&
      until.every((limit) => created <= limit) &&
      (dangling === undefined || dangling === (references.length === 0)) &&
      (!patterns || references.some(meant))
    )
  })
  return patterns ? found.map((image) => ({ ...image, references: image.references.filter(meant) })) : found
}

/** What the filter `dangling` asks for, undefined when it is not given. Throws kind 'invalid' for what is no boolean. */
export function danglingOf(filters: Filters): boolean | undefined {
  const values = filters.get('dangling')
  if (!values) return undefined
  const is = (...words: string[]) => values.every((value) => words.includes(value.toLowerCase()))
  if (is('1', 'true')) return true
  if (is('0', 'false')) return false
  throw new EngineError('invalid', `invalid filter 'dangling=[${values.join(' ')}]'`)
}

function milliseconds(text: string): number {
  try {
    return Number(parseTimestamp(text, Date.now())) * 1000
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}

/**
 * Whether a name is one that the pattern of the `reference` filter means: a shell pattern on the repository, or on the
 * repository with its tag, both as Docker shows them; `*` does not match a slash.
 */
function matchesReference(name: string, glob: RegExp): boolean {
  const reference = parseReference(name)
  return glob.test(familiarRepository(reference)) || glob.test(familiarName(reference))
}

function globPattern(pattern: string): RegExp {
  const parts = pattern.match(/\[\^?[^\]]*\]|\\.|[\s\S]/g) ?? []
  const source = parts.map((part) => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part === '[') throw new EngineError('invalid', 'syntax error in pattern')
    if (part.length > 1 && part.startsWith('[')) return part
    return (part.length > 1 ? part.slice(1) : part).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  try {
    return new RegExp(`^${source.join('')}$`)
  } catch {
    throw new EngineError('invalid', 'syntax error in pattern')
  }
}
