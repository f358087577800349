import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { mediaTypes } from '../images/oci'
import type { TestImage } from '../images/testing'
import { digestOf } from '../store/content'

/** A descriptor of these bytes (OCI image spec). */
export const descriptor = (mediaType: string, body: Uint8Array | string, extra: object = {}) => ({
  mediaType,
  digest: digestOf(body),
  size: body.length,
  ...extra,
})

interface Repository {
  /** Tag or digest -> what is there. */
  manifests: Map<string, { type: string; body: string }>
  blobs: Map<string, Uint8Array>
}

const empty = (): Repository => ({ manifests: new Map(), blobs: new Map() })

/** A registry for unit tests, as the distribution specification has it, that can be made to lie. */
export class Registry {
  readonly server: Server
  readonly repositories = new Map([['app', empty()]])
  /** Of the repository `app`. */
  readonly manifests = this.repositories.get('app')!.manifests
  readonly blobs = this.repositories.get('app')!.blobs
  /** Every request, as `path` or `path with AUTHORIZATION`; others than GET with their method before the path. */
  readonly requests: string[] = []
  /** Digests whose blob ends in the middle, once for each time they are in here. */
  readonly breaks: string[] = []
  /** What `Authorization` must say; asked for by a challenge of the same scheme. */
  authorization = ''
  /** The body that the token server answers with. */
  token: object | undefined
  /** What the token server was asked, method and fields. */
  readonly tokenRequests: string[] = []
  /** Where blobs are redirected to. */
  storage = ''
  /** Answers in the registry's stead, if it says so. */
  lie: (request: IncomingMessage, response: ServerResponse, path: string) => boolean = () => false
  private readonly uploads = new Map<string, Buffer>()

  constructor(serve: (listener: RequestListener) => Server = createServer) {
    this.server = serve((request, response) => void this.answer(request, response))
  }

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return this.host()
  }

  host = () => `127.0.0.1:${(this.server.address() as AddressInfo).port}`

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }

  put(tag: string, type: string, body: string) {
    for (const name of [tag, digestOf(body)]) this.manifests.set(name, { type, body })
    return descriptor(type, body)
  }

  /** Puts an image with compressed layers there. */
  push(tag: string, image: TestImage, extra: object = {}) {
    const layers = image.layers.map((layer) => gzipSync(layer))
    for (const blob of [image.config, ...layers]) this.blobs.set(digestOf(blob), blob)
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: descriptor(mediaTypes.ociConfig, image.config),
      layers: layers.map((layer) => descriptor(`${mediaTypes.ociLayer}+gzip`, layer)),
      ...extra,
    }
    return this.put(tag, mediaTypes.ociManifest, JSON.stringify(manifest))
  }

  private async answer(request: IncomingMessage, response: ServerResponse) {
    const { pathname, searchParams } = new URL(request.url!, 'http://registry')
    const { authorization } = request.headers
    const method = request.method!
    const told = method === 'GET' ? pathname : `${method} ${pathname}`
    this.requests.push(authorization ? `${told} with ${authorization}` : told)
    if (this.lie(request, response, pathname)) return
    const body = await bodyOf(request)
    if (pathname === '/token') {
      this.tokenRequests.push(`${method} ${method === 'POST' ? body.toString() : searchParams.toString()}`)
      return response.end(JSON.stringify(this.token ?? { token: this.authorization.replace('Bearer ', '') }))
    }
    if (this.authorization && authorization !== this.authorization) {
      const bearer = `Bearer realm="http://${this.host()}/token",service="registry"`
      const challenge = this.authorization.startsWith('Basic') ? 'Basic realm="registry"' : bearer
      return response.writeHead(401, { 'www-authenticate': challenge }).end()
    }
    if (pathname === '/v2/') return response.end('{}')
    const [, name = '', kind, item = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.*)$/.exec(pathname) ?? []
    if (method === 'GET' || method === 'HEAD') return this.read(request, response, name, kind, item)
    if (!this.repositories.has(name)) this.repositories.set(name, empty())
    this.write(this.repositories.get(name)!, { method, kind, item, searchParams, body, request }, response, name)
  }

  private read(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    kind: string | undefined,
    item: string,
  ) {
    const { manifests, blobs } = this.repositories.get(name) ?? empty()
    if (kind === 'tags' && this.repositories.has(name))
      return response.end(JSON.stringify({ tags: [...manifests.keys()].filter((tag) => !tag.includes(':')) }))
    const manifest = kind === 'manifests' ? manifests.get(item) : undefined
    if (manifest) {
      const headers = { 'content-type': manifest.type, 'docker-content-digest': digestOf(manifest.body) }
      return response.writeHead(200, headers).end(manifest.body)
    }
    const blob = kind === 'blobs' ? blobs.get(item) : undefined
    if (!blob) {
      const code = kind === 'manifests' ? 'MANIFEST_UNKNOWN' : kind === 'blobs' ? 'BLOB_UNKNOWN' : 'NAME_UNKNOWN'
      const message = code.toLowerCase().replace('_', ' ')
      return response.writeHead(404).end(JSON.stringify({ errors: [{ code, message }] }))
    }
    if (request.method === 'HEAD') return response.writeHead(200, { 'content-length': blob.length }).end()
    if (this.storage) {
      const location = `http://${this.storage}/v2/${name}/${kind}/${item}`
      return response.writeHead(307, { location }).end()
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const part = blob.subarray(from)
    const range = { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` }
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': part.length, ...(from > 0 ? range : {}) })
    const broken = this.breaks.indexOf(item)
    if (broken < 0) return response.end(part)
    this.breaks.splice(broken, 1)
    response.write(part.subarray(0, 10), () => response.destroy())
  }

  private write(
    repository: Repository,
    { method, kind, item, searchParams, body, request }: Write,
    response: ServerResponse,
    name: string,
  ) {
    if (kind === 'manifests') {
      const manifest = { type: request.headers['content-type']!, body: body.toString() }
      for (const tag of [item, digestOf(body)]) repository.manifests.set(tag, manifest)
      return response.writeHead(201, { 'docker-content-digest': digestOf(body) }).end()
    }
    const mounted = this.repositories.get(searchParams.get('from') ?? '')?.blobs.get(searchParams.get('mount') ?? '')
    if (method === 'POST' && mounted) {
      repository.blobs.set(digestOf(mounted), mounted)
      return response.writeHead(201).end()
    }
    const id = method === 'POST' ? String(this.uploads.size) : item.replace('uploads/', '')
    const so = Buffer.concat([this.uploads.get(id) ?? Buffer.alloc(0), body])
    this.uploads.set(id, so)
    if (method === 'PUT') {
      const digest = searchParams.get('digest')
      if (digest !== digestOf(so))
        return response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID","message":"not what was sent"}]}')
      repository.blobs.set(digest, so)
      return response.writeHead(201).end()
    }
    response.writeHead(202, { location: `/v2/${name}/blobs/uploads/${id}?state=x` }).end()
  }
}

interface Write {
  method: string
  kind: string | undefined
  item: string
  searchParams: URLSearchParams
  body: Buffer
  request: IncomingMessage
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
