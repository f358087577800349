import { z } from 'zod'
import { EngineError } from '../errors'
import type { Response, Sending } from './connections'
import { readDocument } from './document'
import { registryError } from './errors'

/** Who somebody is to a registry, as X-Registry-Auth has it. */
export interface Credentials {
  username?: string
  password?: string
  /** A token that `login` got from the registry's token server, instead of the password. */
  identityToken?: string
  /** A token that goes to the registry as it is. */
  registryToken?: string
}

type Send = (url: string, sending: Sending) => Promise<Response>

interface Challenge {
  scheme: string
  realm?: string
  service?: string
  scope?: string
}

interface Token {
  header: string
  /** On the clock of `performance.now()`. */
  expires: number
}

const tokenSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  refresh_token: z.string().optional(),
  expires_in: z.number().optional(),
})

/** As long as a token lives at least, by Docker's token specification, in seconds. */
const shortestLife = 60
/** A token is renewed so many milliseconds before it expires. */
const margin = 5000

/** Proves to one registry who we are: nothing, Basic, or tokens (RFC 6750, Docker's token specification), as it asks. */
export class Authorizer {
  private challenge: Challenge | undefined
  private readonly tokens = new Map<string, Promise<Token>>()

  constructor(
    private readonly send: Send,
    private readonly credentials: Credentials = {},
  ) {}

  /** Takes note of a 401's WWW-Authenticate. */
  learn(header: string | string[] | undefined): void {
    for (const text of [header ?? []].flat()) {
      const [, scheme = '', rest = ''] = /^(\w+)\s*(.*)$/s.exec(text) ?? []
      const fields = Object.fromEntries([...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
      this.challenge = { ...fields, scheme: scheme.toLowerCase() }
      if (scheme.toLowerCase() === 'bearer') return
    }
  }

  /**
   * What goes into `Authorization` for these scopes (`repository:app:pull`), undefined for nothing. Rejects with the bare
   * reason when there is no way to prove who we are.
   */
  async header(scopes: readonly string[], signal?: AbortSignal): Promise<string | undefined> {
    const { registryToken } = this.credentials
    if (registryToken) return `Bearer ${registryToken}`
    switch (this.challenge?.scheme) {
      case undefined:
        return undefined
      case 'basic': {
        const basic = this.basic()
        if (basic) return basic
        throw new EngineError('internal', 'no basic auth credentials')
      }
      case 'bearer': {
        const known = await this.tokens.get(scopes.join(' '))
        if (known && known.expires > performance.now()) return known.header
        return (await this.renew(scopes, known?.header, signal)).header
      }
      default:
        throw new EngineError('internal', `unsupported authentication scheme "${this.challenge?.scheme}"`)
    }
  }

  /** Gets a new token, unless another request has already replaced the `stale` one. */
  async renew(scopes: readonly string[], stale: string | undefined, signal?: AbortSignal): Promise<Token> {
    const key = scopes.join(' ')
    const known = await this.tokens.get(key)
    if (known && known.header !== stale) return known
    const wanted = this.challenge?.scope && !scopes.includes(this.challenge.scope) ? [this.challenge.scope] : scopes
    const asked = this.fetch(wanted, {}, signal).then(({ token }) => token)
    this.tokens.set(key, asked)
    asked.catch(() => this.tokens.delete(key))
    return asked
  }

  /** Whether a 401 can be answered better than before: there is a token to be had, or a name and password. */
  get canRenew(): boolean {
    return this.challenge?.scheme === 'bearer' && !this.credentials.registryToken
  }

  /** Logs in at the token server; returns its lasting token, if it gives one. */
  async login(signal?: AbortSignal): Promise<{ header: string; identityToken: string }> {
    const { token, refresh } = await this.fetch([], { offline_token: 'true' }, signal)
    return { header: token.header, identityToken: refresh }
  }

  get scheme(): string | undefined {
    return this.challenge?.scheme
  }

  private basic(): string | undefined {
    const { username, password } = this.credentials
    return username && password ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : undefined
  }

  private async fetch(scopes: readonly string[], extra: Record<string, string>, signal?: AbortSignal) {
    const { realm, service } = this.challenge!
    if (!realm || !URL.canParse(realm))
      throw new EngineError('internal', `invalid token auth challenge realm: ${realm}`)
    const fields: [string, string][] = [
      ...(service ? ([['service', service]] as const) : []),
      ...scopes.map((scope): [string, string] => ['scope', scope]),
      ...Object.entries(extra),
      ['client_id', 'docker'],
    ].map(([name, value]) => [name!, value!])
    const response = await this.ask(realm, fields, signal)
    if (response.statusCode !== 200) throw await registryError(realm, response)
    const { token, access_token, refresh_token, expires_in } = await readDocument('token', tokenSchema, response)
    const text = token || access_token
    if (!text) throw new EngineError('internal', 'authorization server did not include a token in the response')
    const life = Math.max(expires_in ?? 0, shortestLife) * 1000 - margin
    return {
      token: { header: `Bearer ${text}`, expires: performance.now() + life },
      refresh: refresh_token ?? '',
    }
  }

  private ask(realm: string, fields: [string, string][], signal?: AbortSignal): Promise<Response> {
    const { identityToken, username } = this.credentials
    if (identityToken) {
      const form = new URLSearchParams([...fields, ['grant_type', 'refresh_token'], ['refresh_token', identityToken]])
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      return this.send(realm, { method: 'POST', headers, body: form.toString(), signal })
    }
    const url = new URL(realm)
    const basic = this.basic()
    for (const [name, value] of [...(basic ? [['account', username!]] : []), ...fields])
      url.searchParams.append(name!, value!)
    return this.send(url.href, { headers: basic ? { authorization: basic } : {}, signal })
  }
}
