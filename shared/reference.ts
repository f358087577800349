/** The registry that names without one belong to. */
export const defaultDomain = 'docker.io'

/** An image's name, taken apart and normalised (distribution's reference grammar). */
export interface Reference {
  /** `docker.io` when the text names none. */
  domain: string
  /** The repository inside the registry, e.g. `library/busybox`. */
  path: string
  tag?: string
  /** `sha256:` and 64 hex digits. */
  digest?: string
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const pathPattern = new RegExp(`^${component}(?:/${component})*$`)
const domainPattern =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const tagPattern = /^[A-Za-z0-9_][\w.-]{0,127}$/
const digestPattern = /^sha256:[a-f0-9]{64}$/

/** Whether the text can be a tag. */
export const isTag = (text: string): boolean => tagPattern.test(text)

/** Whether the text is a content digest, `sha256:` and 64 lower-case hex digits. */
export const isDigest = (text: string): boolean => digestPattern.test(text)

const isDomain = (part: string) => /[.:]/.test(part) || part === 'localhost' || part !== part.toLowerCase()

/**
 * Reads `[DOMAIN[:PORT]/]PATH[:TAG][@DIGEST]` as people write it, `busybox` being `docker.io/library/busybox`. Throws
 * an Error with Docker's words for anything else.
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text))
    throw new Error(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`)
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  const tag = colon > named.lastIndexOf('/') ? named.slice(colon + 1) : undefined
  const name = tag === undefined ? named : named.slice(0, colon)

  const slash = name.indexOf('/')
  const hasDomain = slash >= 0 && isDomain(name.slice(0, slash))
  const given = hasDomain ? name.slice(0, slash) : defaultDomain
  const domain = given === 'index.docker.io' ? defaultDomain : given
  const rest = hasDomain ? name.slice(slash + 1) : name
  const path = domain === defaultDomain && !rest.includes('/') ? `library/${rest}` : rest

  if (rest !== rest.toLowerCase())
    throw new Error(`invalid reference format: repository name (${path}) must be lowercase`)
  const wellFormed =
    domainPattern.test(domain) &&
    pathPattern.test(path) &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || isDigest(digest))
  if (!wellFormed) throw new Error('invalid reference format')
  if (domain.length + 1 + path.length > 255) throw new Error('repository name must not be more than 255 characters')
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

/** The repository in full, without tag and digest: `docker.io/library/busybox`. */
export const repositoryOf = ({ domain, path }: Reference): string => `${domain}/${path}`

/** The name in full: `docker.io/library/busybox:latest`. */
export const canonicalName = (reference: Reference): string => withSuffix(repositoryOf(reference), reference)

/** The name as Docker shows it, without what goes without saying: `busybox:latest`, `ann/app@sha256:…`. */
export const familiarName = (reference: Reference): string => withSuffix(familiarRepository(reference), reference)

/** The repository as Docker shows it: `busybox`, `ann/app`, `localhost:5000/app`. */
export function familiarRepository({ domain, path }: Reference): string {
  return domain === defaultDomain ? path.replace(/^library\/(?=[^/]+$)/, '') : `${domain}/${path}`
}

/** The reference with the tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag || reference.digest ? reference : { ...reference, tag: 'latest' }
}

function withSuffix(name: string, { tag, digest }: Reference): string {
  return name + (tag ? `:${tag}` : '') + (digest ? `@${digest}` : '')
}
