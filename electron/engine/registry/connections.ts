import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { berthVersion } from '../../../shared/version'
import type { EngineConfig } from '../system/config'
import type { Certificates } from './certificates'
import { connectionError } from './errors'

const userAgent = `Berth/${berthVersion}`
const maxRedirects = 10

/** How long to wait, in milliseconds. */
export interface Patience {
  /** For a connection. */
  connect: number
  /** For the beginning of an answer, once the request is out. */
  headers: number
  /** For the next bytes of an answer. */
  idle: number
  /** For a document (manifest, token) as a whole. */
  document: number
}

export const defaultPatience: Patience = { connect: 30_000, headers: 120_000, idle: 60_000, document: 120_000 }

export type Response = Dispatcher.ResponseData
export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

export interface Sending {
  method?: Method
  headers?: Record<string, string>
  body?: Dispatcher.DispatchOptions['body']
  signal?: AbortSignal
}

/** Gives up an answer whose body nobody reads, and its connection with it. */
export function discard({ body }: Response): void {
  body.on('error', () => undefined)
  body.destroy()
}

const redirects = new Set([301, 302, 303, 307, 308])

/** Connections to registries and to the hosts that they lead to: TLS, proxies, redirects, timeouts. Kept, and shared. */
export class Connections {
  private readonly dispatchers = new Map<string, Promise<Dispatcher>>()
  private readonly insecureRanges = new BlockList()
  private readonly insecureHosts = new Set<string>()

  constructor(
    private readonly settings: Pick<EngineConfig, 'insecure-registries' | 'proxies'>,
    private readonly certificates: Certificates,
    readonly patience: Patience,
  ) {
    for (const entry of ['127.0.0.0/8', '::1/128', ...settings['insecure-registries']]) {
      const [address, bits] = entry.split('/') as [string, string?]
      if (bits === undefined) this.insecureHosts.add(entry)
      else this.insecureRanges.addSubnet(address, Number(bits), family(address))
    }
  }

  async close(): Promise<void> {
    const all = [...this.dispatchers.values()]
    this.dispatchers.clear()
    await Promise.allSettled(all.map(async (dispatcher) => (await dispatcher).destroy()))
  }

  /**
   * Whether a host (with its port) may have any certificate or none: one that the settings name, or one whose address
   * lies in a range of theirs, as those of this computer itself always do.
   */
  async isInsecure(host: string): Promise<boolean> {
    const name = nameOf(host)
    if (this.insecureHosts.has(host) || this.insecureHosts.has(name)) return true
    const addresses = isIP(name)
      ? [name]
      : (await lookup(name, { all: true }).catch(() => [])).map(({ address }) => address)
    return addresses.some((address) => this.insecureRanges.check(address, family(address)))
  }

  /**
   * Sends one request on behalf of `registry` (its host and port). Redirects of GET and HEAD are followed; what proves
   * who we are goes to the first URL's own host only. Rejects with a ConnectionError in dockerd's words.
   */
  async send(
    registry: string,
    start: string,
    { method = 'GET', headers = {}, body, signal }: Sending = {},
  ): Promise<Response> {
    let url = start
    let sent = headers
    for (let hops = 0; ; hops++) {
      const { host, origin } = new URL(url)
      const dispatcher = await this.dispatcherFor(host, registry)
      const response = await request(url, {
        dispatcher,
        method,
        headers: { 'user-agent': userAgent, ...sent },
        body,
        signal,
      }).catch((error: unknown) => {
        throw signal?.aborted ? signal.reason : connectionError(method, url, error)
      })
      const { location } = response.headers
      const followed = redirects.has(response.statusCode) && location && (method === 'GET' || method === 'HEAD')
      if (!followed) return response
      await response.body.dump()
      if (hops === maxRedirects)
        throw connectionError(method, url, new Error(`stopped after ${maxRedirects} redirects`))
      const next = new URL(String(location), url)
      if (next.origin !== origin)
        sent = Object.fromEntries(Object.entries(sent).filter(([name]) => name !== 'authorization'))
      url = next.href
    }
  }

  private dispatcherFor(host: string, registry: string): Promise<Dispatcher> {
    const key = `${registry} ${host}`
    const known = this.dispatchers.get(key)
    if (known) return known
    const made = this.makeDispatcher(host, registry)
    this.dispatchers.set(key, made)
    made.catch(() => this.dispatchers.delete(key))
    return made
  }

  private async makeDispatcher(host: string, registry: string): Promise<Dispatcher> {
    const { connect: timeout, headers: headersTimeout, idle: bodyTimeout } = this.patience
    const insecure = (await this.isInsecure(registry)) || (await this.isInsecure(host))
    const secureContext = await this.certificates.contextFor(host, registry)
    const connect = { timeout, secureContext, rejectUnauthorized: !insecure }
    // What is on this computer is not asked for through a proxy.
    if (isLoopback(nameOf(host))) return new Agent({ connect, headersTimeout, bodyTimeout })
    const { proxies } = this.settings
    return new EnvHttpProxyAgent({
      connect,
      requestTls: connect,
      headersTimeout,
      bodyTimeout,
      // Many proxies open tunnels for TLS only.
      proxyTunnel: false,
      ...(proxies['http-proxy'] === undefined ? {} : { httpProxy: proxies['http-proxy'] }),
      ...(proxies['https-proxy'] === undefined ? {} : { httpsProxy: proxies['https-proxy'] }),
      ...(proxies['no-proxy'] === undefined ? {} : { noProxy: proxies['no-proxy'] }),
    })
  }
}

const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The host without its port, an IPv6 address without its brackets. */
const nameOf = (host: string): string => new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '')

const isLoopback = (name: string): boolean => name === 'localhost' || name === '::1' || /^127(\.\d+){3}$/.test(name)
