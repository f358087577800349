import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { defaultDomain, type Reference } from '../../../shared/reference'
import { berthVersion } from '../../../shared/version'
import { maxDocument, mediaTypes } from '../images/oci'
import { EngineError } from '../errors'
import { connectionError, registryError } from './errors'

const userAgent = `Berth/${berthVersion}`
const maxRedirects = 5

/** A user's name and password (or a token in the password's place) for a registry. */
export interface Credentials {
  username: string
  password: string
}

type Response = Dispatcher.ResponseData

/** A manifest or an index as the registry has it. */
export interface ManifestAnswer {
  bytes: Buffer
  /** The media type that the registry says it has. */
  type: string
}

const accepted = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  'application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1',
].join(', ')

/**
 * Reads one repository of a registry (OCI distribution spec): https, and plain http where a registry on this computer
 * answers no https, as dockerd does. Throws EngineErrors in dockerd's words.
 */
export class RegistryClient {
  private readonly host: string
  private readonly local: boolean
  private readonly dispatcher: Dispatcher
  private base: Promise<string> | undefined
  private authorization: string | undefined

  constructor(
    private readonly reference: Reference,
    private readonly credentials?: Credentials,
  ) {
    this.host = reference.domain === defaultDomain ? 'registry-1.docker.io' : reference.domain
    this.local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(this.host)
    // What is on this computer is not asked for through a proxy, and may have made its certificate itself.
    this.dispatcher = this.local ? new Agent({ connect: { rejectUnauthorized: false } }) : new EnvHttpProxyAgent()
  }

  async close(): Promise<void> {
    await this.dispatcher.destroy()
  }

  /** The manifest or index with this tag or digest. */
  async manifest(tagOrDigest: string, signal?: AbortSignal): Promise<ManifestAnswer> {
    const response = await this.get(`/manifests/${tagOrDigest}`, { accept: accepted }, signal)
    const type = String(response.headers['content-type'] ?? '')
      .split(';')[0]!
      .trim()
    return { bytes: await readAll(response), type }
  }

  /** All tags of the repository. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    const response = await this.get('/tags/list', { accept: 'application/json' }, signal)
    return (JSON.parse((await readAll(response)).toString()) as { tags: string[] | null }).tags ?? []
  }

  /** The bytes of a blob; neither digest nor size are checked here. */
  async blob(digest: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return (await this.get(`/blobs/${digest}`, {}, signal)).body
  }

  private async get(path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    this.base ??= this.findBase(signal)
    const url = `${await this.base}/v2/${this.reference.path}${path}`
    let response = await this.send(url, { ...headers, ...this.auth() }, signal)
    if (response.statusCode === 401) {
      const challenge = String(response.headers['www-authenticate'] ?? '')
      const refused = await registryError(url, response)
      this.authorization = await this.answer(challenge, refused, signal)
      response = await this.send(url, { ...headers, ...this.auth() }, signal)
    }
    if (response.statusCode !== 200) throw await registryError(url, response)
    return response
  }

  private auth(): Record<string, string> {
    return this.authorization ? { authorization: this.authorization } : {}
  }

  /** The scheme and host to talk to. The registry is asked once, so that a failure to reach it names `/v2/`. */
  private async findBase(signal?: AbortSignal): Promise<string> {
    const ping = async (base: string) => {
      const response = await this.send(`${base}/v2/`, {}, signal)
      await response.body.dump()
      return base
    }
    const secure = `https://${this.host}`
    if (!this.local) return ping(secure)
    return ping(secure).catch(() => ping(`http://${this.host}`))
  }

  /** GETs a URL, following redirects; what proves who we are goes to the registry's own host only. */
  private async send(start: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    let url = start
    let sent = headers
    for (let hops = 0; ; hops++) {
      const response = await request(url, {
        dispatcher: this.dispatcher,
        headers: { 'user-agent': userAgent, ...sent },
        signal,
      }).catch((error: unknown) => {
        throw signal?.aborted ? error : connectionError(url, error)
      })
      const { location } = response.headers
      if (response.statusCode < 300 || response.statusCode > 399 || !location || hops === maxRedirects) return response
      await response.body.dump()
      const next = new URL(String(location), url)
      if (next.host !== new URL(url).host) {
        sent = Object.fromEntries(Object.entries(sent).filter(([name]) => name !== 'authorization'))
      }
      url = next.href
    }
  }

  /** Answers a 401's challenge (RFC 6750, Docker's token specification) with what goes into `Authorization`. */
  private async answer(challenge: string, refused: Error, signal?: AbortSignal): Promise<string> {
    const [, scheme = '', rest = ''] = /^(\w+)\s*(.*)$/s.exec(challenge) ?? []
    const basic = this.credentials && `Basic ${base64(`${this.credentials.username}:${this.credentials.password}`)}`
    if (scheme.toLowerCase() === 'basic') {
      if (basic) return basic
      throw new EngineError('internal', `Get "${await this.base}/v2/${this.reference.path}": no basic auth credentials`)
    }
    const given = Object.fromEntries([...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
    if (scheme.toLowerCase() !== 'bearer' || !given.realm) throw refused
    const url = new URL(given.realm)
    if (given.service) url.searchParams.set('service', given.service)
    url.searchParams.set('scope', given.scope ?? `repository:${this.reference.path}:pull`)
    const response = await this.send(url.href, basic ? { authorization: basic } : {}, signal)
    if (response.statusCode !== 200) throw await registryError(url.href, response)
    const answer = JSON.parse((await readAll(response)).toString()) as { token?: string; access_token?: string }
    return `Bearer ${answer.token ?? answer.access_token}`
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

async function readAll({ body }: Response): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body as AsyncIterable<Uint8Array>) {
    length += part.length
    if (length > maxDocument) throw new Error(`the registry's answer has more than ${maxDocument} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
