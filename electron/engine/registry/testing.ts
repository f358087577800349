import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
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

/** A registry for unit tests with one repository `app`, as the distribution specification has it. */
export class Registry {
  readonly server = createServer((request, response) => this.answer(request, response))
  /** Tag or digest -> what is there. */
  readonly manifests = new Map<string, { type: string; body: string }>()
  readonly blobs = new Map<string, Uint8Array>()
  /** Every request, as `path` or `path with AUTHORIZATION`. */
  readonly requests: string[] = []
  /** Paths that end in the middle of the body, once for each time they are in here. */
  readonly breaks: string[] = []
  /** What `Authorization` must say; asked for by a challenge of the same scheme. */
  authorization = ''
  /** Where blobs are redirected to. */
  storage = ''

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

  private answer(request: IncomingMessage, response: ServerResponse) {
    const { pathname } = new URL(request.url!, 'http://registry')
    const { authorization } = request.headers
    this.requests.push(authorization ? `${pathname} with ${authorization}` : pathname)
    if (pathname === '/token') return response.end(JSON.stringify({ token: this.authorization.replace('Bearer ', '') }))
    if (pathname === '/v2/' && !this.authorization) return response.end('{}')
    if (this.authorization && authorization !== this.authorization) {
      const bearer = `Bearer realm="http://${this.host()}/token",service="registry",scope="repository:app:pull"`
      const challenge = this.authorization.startsWith('Basic') ? 'Basic realm="registry"' : bearer
      return response.writeHead(401, { 'www-authenticate': challenge }).end()
    }
    const [, kind, name = ''] = /^\/v2\/app\/(manifests|blobs|tags)\/(.*)$/.exec(pathname) ?? []
    if (kind === 'tags')
      return response.end(JSON.stringify({ tags: [...this.manifests.keys()].filter((tag) => !tag.includes(':')) }))
    if (kind === 'manifests') {
      const manifest = this.manifests.get(name)
      if (manifest) return response.writeHead(200, { 'content-type': manifest.type }).end(manifest.body)
    }
    const blob = kind === 'blobs' ? this.blobs.get(name) : undefined
    if (!blob) {
      const code = kind === 'manifests' ? 'MANIFEST_UNKNOWN' : kind === 'blobs' ? 'BLOB_UNKNOWN' : 'NAME_UNKNOWN'
      const message = code.toLowerCase().replace('_', ' ')
      return response.writeHead(404).end(JSON.stringify({ errors: [{ code, message }] }))
    }
    if (this.storage) return response.writeHead(307, { location: `http://${this.storage}${pathname}` }).end()
    const broken = this.breaks.indexOf(name)
    if (broken < 0) return response.end(blob)
    this.breaks.splice(broken, 1)
    response.writeHead(200, { 'content-length': blob.length })
    response.write(blob.subarray(0, 10), () => response.destroy())
  }
}
