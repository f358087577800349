import dockerignore from '@balena/dockerignore'

/** Whether a path of Dockerfile's COPY or ADD is a pattern. */
export const isPattern = (path: string): boolean => /[*?[]/.test(path)

/** Go's `path.Match` as a regular expression: `*`, `?`, `[a-z]`, `[^a]`, `\x`; no part of it matches a slash. */
export function matcher(pattern: string): RegExp {
  const parts = pattern.match(/\[\^?(?:\\.|[^\]\\])+\]|\\[\s\S]|[\s\S]/g) ?? []
  const source = parts.map((part) => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 2 && part.startsWith('[')) return part
    return part.slice(-1).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  })
  return new RegExp(`^${source.join('')}$`)
}

/** Which paths the lines of a .dockerignore leave in the context. */
export function ignoring(lines: string): (path: string) => boolean {
  const rules = dockerignore({ ignorecase: false }).add(lines)
  return (path) => !rules.ignores(path)
}
