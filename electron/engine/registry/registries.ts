import { join } from 'node:path'
import { defaultDomain, type Reference } from '../../../shared/reference'
import { EngineError } from '../errors'
import type { EngineConfig } from '../system/config'
import type { Credentials } from './auth'
import { readCatalog } from './catalog'
import { Certificates } from './certificates'
import { RegistryClient } from './client'
import { Connections, defaultPatience, discard, type Patience, type Response } from './connections'
import { statusText } from './errors'
import { RegistrySession, type RegistryPlace } from './session'

const indexHost = 'index.docker.io'
const hubHost = 'registry-1.docker.io'
const hubNames = [defaultDomain, indexHost, hubHost]

export type RegistrySettings = Pick<EngineConfig, 'registry-mirrors' | 'insecure-registries' | 'proxies'>

/** The registries that this engine can talk to. */
export class Registries {
  private readonly connections: Connections

  constructor(
    private readonly settings: RegistrySettings,
    dataDir: string,
    patience: Patience = defaultPatience,
  ) {
    const certificates = new Certificates([join(dataDir, 'certs.d'), '/etc/docker/certs.d'])
    this.connections = new Connections(settings, certificates, patience)
  }

  close(): Promise<void> {
    return this.connections.close()
  }

  /**
   * Where to pull `reference` from, in the order to ask: what lies on Docker Hub comes from a mirror where there is one.
   * Credentials are the Hub's own; mirrors do not get them.
   */
  async forPull({ domain, path }: Reference, credentials?: Credentials): Promise<RegistryClient[]> {
    const mirrors = domain === defaultDomain ? this.settings['registry-mirrors'] : []
    return [
      ...mirrors.map((mirror) => {
        const { host, origin } = new URL(mirror)
        return new RegistryClient(this.connections, { host, bases: [origin], path })
      }),
      new RegistryClient(this.connections, await this.place(domain, path), credentials),
    ]
  }

  async forPush({ domain, path }: Reference, credentials?: Credentials): Promise<RegistryClient> {
    return new RegistryClient(this.connections, await this.place(domain, path), credentials)
  }

  /**
   * Checks credentials with the registry that `address` names (a host, an old index URL, '' for Docker Hub). Returns the
   * token that is to be kept instead of the password, '' where there is none.
   */
  async login(address: string, credentials: Credentials, signal?: AbortSignal): Promise<string> {
    const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
    return new RegistrySession(this.connections, await this.place(host || defaultDomain, ''), credentials).login(signal)
  }

  /** What a registry (a host) lists of its repositories. Throws in dockerd's words. */
  async catalog(host: string, credentials?: Credentials, signal?: AbortSignal) {
    if (!host) throw new EngineError('invalid', 'no registry was named')
    const place = await this.place(host, '')
    return readCatalog(new RegistrySession(this.connections, place, credentials), signal)
  }

  /** Asks the v1 index of Docker Hub, or of the registry that `term` begins with, for at most `limit` repositories. */
  async askIndex(
    term: string,
    limit: number,
    { username, password }: Credentials = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const slash = term.indexOf('/')
    const first = term.slice(0, Math.max(slash, 0))
    const isHost = /[.:]/.test(first) || first === 'localhost'
    const host = isHost && !hubNames.includes(first) ? first : indexHost
    const name = (isHost ? term.slice(slash + 1) : term).replace(/^library\//, '')
    const path = `/v1/search?${new URLSearchParams({ q: name, n: String(limit) })}`
    const basic = username && password && Buffer.from(`${username}:${password}`).toString('base64')
    const headers: Record<string, string> = basic ? { authorization: `Basic ${basic}` } : {}
    let failure: unknown
    for (const base of host === indexHost ? [`https://${host}`] : await this.bases(host)) {
      try {
        return await this.connections.send(host, `${base}${path}`, { headers, signal })
      } catch (error) {
        if (signal?.aborted) throw error
        failure = error
      }
    }
    throw failure
  }

  /**
   * Fetches a file by http or https, through the same proxies; `length` is 0 where it is not known. Throws in dockerd's
   * words.
   */
  async download(url: string, signal?: AbortSignal): Promise<{ length: number; body: AsyncIterable<Uint8Array> }> {
    const { protocol, host } = URL.canParse(url) ? new URL(url) : { protocol: ':', host: '' }
    if (!/^https?:$/.test(protocol))
      throw new EngineError('invalid', `Get "${url}": unsupported protocol scheme "${protocol.slice(0, -1)}"`)
    const response = await this.connections.send(host, url, { signal })
    const { statusCode, headers, body } = response
    if (statusCode >= 400) {
      discard(response)
      throw new EngineError('invalid', `failed to GET ${url} with status ${statusText(statusCode)}`)
    }
    return { length: Number(headers['content-length'] ?? 0), body }
  }

  /** What GET /info tells of registries and proxies; passwords of proxies are masked. */
  info(): object {
    const { proxies, 'insecure-registries': insecure } = this.settings
    const ranges = insecure.filter((entry) => entry.includes('/'))
    const hosts = insecure.filter((entry) => !entry.includes('/'))
    const Mirrors = this.settings['registry-mirrors'].map((mirror) => mirror.replace(/\/?$/, '/'))
    const hub = { Name: defaultDomain, Mirrors, Secure: true, Official: true }
    const others = hosts.map((Name) => [Name, { Name, Mirrors: [], Secure: false, Official: false }] as const)
    const proxy = (name: 'http' | 'https' | 'no') =>
      (
        proxies[`${name}-proxy`] ??
        process.env[`${name}_proxy`] ??
        process.env[`${name.toUpperCase()}_PROXY`] ??
        ''
      ).replace(/\/\/[^/@]*@/, '//xxxxx:xxxxx@')
    return {
      RegistryConfig: {
        AllowNondistributableArtifactsCIDRs: [],
        AllowNondistributableArtifactsHostnames: [],
        InsecureRegistryCIDRs: [...ranges, '::1/128', '127.0.0.0/8'],
        IndexConfigs: Object.fromEntries([[defaultDomain, hub], ...others]),
        Mirrors,
      },
      HttpProxy: proxy('http'),
      HttpsProxy: proxy('https'),
      NoProxy: proxy('no'),
    }
  }

  private async place(domain: string, path: string): Promise<RegistryPlace> {
    if (hubNames.includes(domain)) return { host: hubHost, bases: [`https://${hubHost}`], path }
    return { host: domain, bases: await this.bases(domain), path }
  }

  /** https; then http too, where the registry need not prove who it is. */
  private async bases(host: string): Promise<string[]> {
    const secure = `https://${host}`
    return (await this.connections.isInsecure(host)) ? [secure, `http://${host}`] : [secure]
  }
}
