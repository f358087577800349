/** The scheme of links that lead into the app, as in `berth://container/web`. */
export const linkScheme = 'berth'

const pages = new Set(['containers', 'images', 'builds', 'volumes', 'networks', 'registry', 'machine', 'settings', 'help']) // prettier-ignore

/**
 * The window's route for a deep link: `berth://container/ID-OR-NAME[/TAB]`, `berth://stack/NAME`, `berth://volume/NAME`,
 * `berth://network/ID`, `berth://image/NAME`, `berth://run`, and `berth://PAGE`. Undefined for anything else: links come
 * from anywhere, so they only ever show something.
 */
export function routeOfLink(link: string): string | undefined {
  const [, kind = '', rest = ''] = /^berth:\/\/([a-z]+)(?:\/(.*?))?\/?$/.exec(link) ?? []
  const parts = rest.split('/').filter(Boolean)
  const [name, tab] = parts
  if (!parts.every((part) => /^[\w.:@%-]+$/.test(part) && part !== '.' && part !== '..')) return undefined
  if (kind === 'container' && name) return `/containers/${name}${tab ? `/${tab}` : ''}`
  if (kind === 'stack' && name) return `/stacks/${name}`
  if ((kind === 'volume' || kind === 'network') && name) return `/${kind}s/${name}`
  if (kind === 'image' && name) return '/images'
  if (kind === 'run') return '/containers?run'
  return pages.has(kind) && !name ? `/${kind}` : undefined
}
