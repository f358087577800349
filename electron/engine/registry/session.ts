import { EngineError, messageOf } from '../errors'
import { Authorizer, type Credentials } from './auth'
import type { Connections, Method, Response, Sending } from './connections'
import {
  AuthorizationError,
  ConnectionError,
  connectionError,
  RegistryError,
  registryError,
  statusText,
} from './errors'

export interface RegistryPlace {
  /** Host and port, as in image names. */
  host: string
  /** `https://HOST`, `http://HOST`, in the order to try. */
  bases: readonly string[]
  /** The repository's path; '' for the registry itself. */
  path: string
}

export interface Call extends Sending {
  /** What the request needs to be allowed, `repository:app:pull`. */
  scopes: readonly string[]
  /** The status codes that are no failure. */
  expected: readonly number[]
}

/** Requests to one registry: the scheme is found out, challenges are answered, refusals come in dockerd's words. */
export class RegistrySession {
  private readonly auth: Authorizer
  private base: Promise<string> | undefined
  /** What `base` came to; until then the first to try. */
  private found: string

  constructor(
    private readonly connections: Connections,
    private readonly place: Omit<RegistryPlace, 'path'>,
    credentials?: Credentials,
  ) {
    this.found = place.bases[0]!
    this.auth = new Authorizer((url, sending) => connections.send(place.host, url, sending), credentials)
  }

  /**
   * Proves to the registry who we are; returns the token server's lasting token, '' when there is none. Throws kind
   * 'unauthorized' when it does not believe it.
   */
  async login(signal?: AbortSignal): Promise<string> {
    const base = await this.findBase(signal)
    const url = `${base}/v2/`
    if (this.auth.scheme === undefined) return ''
    const { header, identityToken } = await this.prove(url, signal)
    const response = await this.connections.send(this.place.host, url, { headers: { authorization: header }, signal })
    await response.body.dump()
    if (response.statusCode === 200) return identityToken
    const status = statusText(response.statusCode)
    throw new EngineError(
      response.statusCode === 401 ? 'unauthorized' : 'internal',
      `login attempt to ${url} failed with status: ${status}`,
    )
  }

  private async prove(url: string, signal?: AbortSignal) {
    try {
      if (this.auth.scheme === 'bearer') return await this.auth.login(signal)
      return { header: (await this.auth.header([], signal))!, identityToken: '' }
    } catch (error) {
      if (error instanceof ConnectionError) throw error
      const kind = error instanceof RegistryError && error.status === 401 ? 'unauthorized' : 'internal'
      throw new EngineError(kind, `Get "${url}": ${messageOf(error)}`, { cause: error })
    }
  }

  /** The scheme and host to talk to. The registry is asked once, so that a failure to reach it names `/v2/`. */
  findBase(signal?: AbortSignal): Promise<string> {
    this.base ??= this.ping(signal)
    // The next one who asks tries again.
    this.base.catch(() => (this.base = undefined))
    return this.base
  }

  private async ping(signal?: AbortSignal): Promise<string> {
    let failure: unknown
    for (const base of this.place.bases) {
      try {
        const response = await this.inTime(`${base}/v2/`, signal, async (both) => {
          const answer = await this.connections.send(this.place.host, `${base}/v2/`, { signal: both })
          await answer.body.dump()
          return answer
        })
        if (response.statusCode === 401) this.auth.learn(response.headers['www-authenticate'])
        return (this.found = base)
      } catch (error) {
        if (signal?.aborted) throw error
        failure = error
      }
    }
    throw failure
  }

  /** GETs something small; the whole of it must come in good time. */
  document<T>(path: string, call: Omit<Call, 'expected'>, read: (response: Response) => Promise<T>): Promise<T> {
    return this.inTime(path, call.signal, async (signal) =>
      read(await this.call(path, { ...call, expected: [200], signal })),
    )
  }

  private async inTime<T>(
    path: string,
    given: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(this.connections.patience.document)
    try {
      return await work(given ? AbortSignal.any([given, timeout]) : timeout)
    } catch (error) {
      if (given?.aborted) throw given.reason
      if (error instanceof EngineError) throw error
      const { href } = new URL(path, this.found)
      throw connectionError('GET', href, timeout.aborted ? timeout.reason : error)
    }
  }

  /** Sends a request to a path of the registry (`/v2/…`), or to a URL that it named. */
  async call(path: string, { scopes, expected, ...sending }: Call): Promise<Response> {
    const { method = 'GET', signal, body } = sending
    const base = await this.findBase(signal)
    const url = new URL(path, base).href
    const own = new URL(url).origin === new URL(base).origin
    // An upload may lead to a storage host, which is not to learn who we are.
    const authorization = own ? await this.authorize(method, url, () => this.auth.header(scopes, signal)) : undefined
    const send = (header: string | undefined) =>
      this.connections.send(this.place.host, url, {
        ...sending,
        headers: { ...sending.headers, ...(header ? { authorization: header } : {}) },
      })
    let response = await send(authorization)
    if (response.statusCode === 401 && own) {
      const before = this.auth.scheme
      this.auth.learn(response.headers['www-authenticate'])
      const better = this.auth.canRenew || before === undefined
      if (better) {
        const refused = await registryError(url, response)
        const renewed = await this.authorize(method, url, async () =>
          this.auth.canRenew
            ? (await this.auth.renew(scopes, authorization, signal)).header
            : this.auth.header(scopes, signal),
        )
        // A stream is spent; whoever sends one begins again, with the new token.
        if (!renewed || (body !== undefined && !Buffer.isBuffer(body))) throw refused
        response = await send(renewed)
      }
    }
    if (!expected.includes(response.statusCode)) throw await registryError(url, response)
    return response
  }

  private async authorize<T>(method: Method, url: string, prove: () => Promise<T>): Promise<T> {
    try {
      return await prove()
    } catch (error) {
      if (error instanceof ConnectionError || !(error instanceof EngineError)) throw error
      throw new AuthorizationError(method, url, messageOf(error), { cause: error })
    }
  }
}
