import { parseTimestamp } from '../../../shared/units'
import { matchesLabels } from '../api/http'
import { EngineError } from '../errors'
import { isPredefined, type Network } from './network'

/** The filters of GET /networks. */
export const networkFilters = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']
/** The filters of POST /networks/prune. */
export const networkPruneFilters = ['label', 'label!', 'until']

/** Turns filters into a test. Throws 'invalid' in Docker's words. */
export function networkFilter(
  filters: Map<string, string[]>,
  isUsed: (id: string) => boolean,
): (network: Network) => boolean {
  const dangling = danglingOf(filters.get('dangling'))
  for (const type of filters.get('type') ?? []) {
    if (type !== 'builtin' && type !== 'custom') {
      throw new EngineError('invalid', `invalid filter: 'type'='${type}'`)
    }
  }
  const any = (name: string, test: (wanted: string) => boolean) => filters.get(name)?.some(test) ?? true
  return (network) => {
    const kind = isPredefined(network.name) ? 'builtin' : 'custom'
    return (
      any('driver', (driver) => network.driver === driver) &&
      any('name', textTest(network.name)) &&
      any('id', textTest(network.id)) &&
      any('scope', (scope) => scope === 'local') &&
      any('type', (type) => type === kind) &&
      matchesLabels(network.labels, filters.get('label')) &&
      (dangling === undefined || dangling === (kind === 'custom' && !isUsed(network.id)))
    )
  }
}

/** Turns the filters of prune into a test. Throws 'invalid'. */
export function networkPruneFilter(filters: Map<string, string[]>): (network: Network) => boolean {
  const [until, ...more] = filters.get('until') ?? []
  if (more.length > 0) throw new EngineError('invalid', 'more than one until filter specified')
  const before = until === undefined ? Infinity : Number(parseTimestamp(until, Date.now())) * 1000
  const unwanted = filters.get('label!')
  return ({ labels, created }) =>
    created <= before && matchesLabels(labels, filters.get('label')) && !(unwanted && matchesLabels(labels, unwanted))
}

function danglingOf(values: string[] | undefined): boolean | undefined {
  if (!values) return undefined
  if (values.length > 1) throw new EngineError('invalid', 'got more than one value for filter key "dangling"')
  const [value] = values
  if (['1', 'true'].includes(value!)) return true
  if (['0', 'false'].includes(value!)) return false
  const allowed = 'must be "true" (or "1"), or "false" (or "0")'
  throw new EngineError('invalid', `invalid value for filter 'dangling', ${allowed}`)
}

/** A regular expression that may match anywhere, as dockerd takes it. */
function textTest(text: string): (wanted: string) => boolean {
  return (wanted) => {
    try {
      return new RegExp(wanted).test(text)
    } catch {
      return text === wanted
    }
  }
}
