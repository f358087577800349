/**
 * What of a JSON value has `query` in a key or a plain value, with the way to it; a key that matches keeps all below
 * it. Undefined when nothing does. What is left of an array keeps its indices.
 */
export function pruneJson(value: unknown, query: string): unknown {
  const wanted = query.toLowerCase()
  const has = (text: string) => text.toLowerCase().includes(wanted)
  const prune = (node: unknown): unknown => {
    if (node === null || typeof node !== 'object') return has(JSON.stringify(node) ?? '') ? node : undefined
    const kept = Object.entries(node).flatMap(([key, child]): [string, unknown][] => {
      if (!Array.isArray(node) && has(key)) return [[key, child]]
      const left = prune(child)
      return left === undefined ? [] : [[key, left]]
    })
    if (!kept.length) return undefined
    return Array.isArray(node) ? Object.assign([], Object.fromEntries(kept)) : Object.fromEntries(kept)
  }
  return prune(value)
}
