import type { Readable } from 'node:stream'
import { z } from 'zod'
import { EngineError } from '../errors'
import { digestOf, type Blob } from '../store/content'
import { mediaTypes } from '../images/oci'
import type { Credentials } from './auth'
import { discard, type Connections, type Response } from './connections'
import { readAll, readDocument } from './document'
import { connectionError, RegistryError } from './errors'
import { RegistrySession, type RegistryPlace } from './session'

/** A manifest or an index as the registry has it. */
export interface ManifestAnswer {
  bytes: Buffer
  /** The media type that the registry says it has. */
  type: string
}

/** A blob's bytes from `start` on; the registry may begin earlier than it was asked to. */
export interface BlobAnswer {
  start: number
  body: AsyncIterable<Uint8Array>
}

const accepted = [
  mediaTypes.ociIndex,
  mediaTypes.dockerIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  'application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1',
].join(', ')

/** More pages than any repository's tags have; a registry that never ends is not listened to. */
const maxPages = 1000

/** One repository of a registry (OCI distribution spec). Throws EngineErrors in dockerd's words. */
export class RegistryClient {
  private readonly session: RegistrySession
  private readonly path: string
  private readonly pull: readonly string[]
  private readonly push: readonly string[]

  constructor(connections: Connections, { path, ...registry }: RegistryPlace, credentials?: Credentials) {
    this.session = new RegistrySession(connections, registry, credentials)
    this.path = `/v2/${path}`
    this.pull = [`repository:${path}:pull`]
    this.push = [`repository:${path}:pull,push`]
  }

  /** Rejects when the registry cannot be reached. */
  async reach(signal?: AbortSignal): Promise<void> {
    await this.session.findBase(signal)
  }

  /** The digest that a tag has now, where the registry tells it without sending the manifest; else undefined. */
  async digestOfTag(tag: string, signal?: AbortSignal): Promise<string | undefined> {
    const headers = { accept: accepted }
    const response = await this.session
      .call(`${this.path}/manifests/${tag}`, { method: 'HEAD', headers, scopes: this.pull, expected: [200], signal })
      .catch((error: unknown) => {
        // A HEAD's refusal has no words; the GET that follows gets them.
        if (error instanceof RegistryError) return undefined
        throw error
      })
    await response?.body.dump()
    const digest = response?.headers['docker-content-digest']
    return typeof digest === 'string' ? digest : undefined
  }

  /** The manifest or index with this tag or digest. */
  async manifest(tagOrDigest: string, signal?: AbortSignal): Promise<ManifestAnswer> {
    const call = { headers: { accept: accepted }, scopes: this.pull, signal }
    return this.session.document(`${this.path}/manifests/${tagOrDigest}`, call, async (response) => {
      const type = String(response.headers['content-type'] ?? '')
        .split(';')[0]!
        .trim()
      return { bytes: await readAll(response), type }
    })
  }

  /** All tags of the repository. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    const schema = z.object({ tags: z.array(z.string()).nullish() })
    const all: string[] = []
    const call = { headers: { accept: 'application/json' }, scopes: this.pull, signal }
    let next: string | undefined = `${this.path}/tags/list`
    for (let page = 0; next !== undefined && page < maxPages; page++) {
      next = await this.session.document<string | undefined>(next, call, async (response) => {
        all.push(...((await readDocument('tags', schema, response)).tags ?? []))
        return /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers.link ?? ''))?.[1]
      })
    }
    return all
  }

  /**
   * The bytes of a blob from `from` on, or from the beginning where the registry has no parts to give. The digest is not
   * checked here; an answer that says it has another length than `size` is refused.
   */
  async blob({ digest, size }: Blob, from: number, signal?: AbortSignal): Promise<BlobAnswer> {
    const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {}
    const response = await this.session.call(`${this.path}/blobs/${digest}`, {
      headers,
      scopes: this.pull,
      expected: [200, 206, 416],
      signal,
    })
    const { statusCode, body } = response
    const length = Number(response.headers['content-length'] ?? NaN)
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(String(response.headers['content-range'] ?? ''))
    const [, first, last, total] = (range ?? []).map(Number)
    if (statusCode === 206 && first === from && last === size - 1 && (total === size || Number.isNaN(total)))
      return { start: from, body: inWords(digest, body) }
    if (statusCode === 200 && (Number.isNaN(length) || length === size))
      return { start: 0, body: inWords(digest, body) }
    discard(response)
    // What it says about parts makes no sense: without parts it may do better.
    if (from > 0) return this.blob({ digest, size }, 0, signal)
    throw new EngineError(
      'invalid',
      `${digest}: the registry has ${statusCode === 200 ? length : 'no such part'} of the ${size} bytes that the manifest tells`,
    )
  }

  /** Whether the repository, as one that is pushed to, has the blob: its size, or undefined. */
  async has(digest: string, signal?: AbortSignal): Promise<number | undefined> {
    const call = { method: 'HEAD', scopes: this.push, expected: [200, 404], signal } as const
    const response = await this.session.call(`${this.path}/blobs/${digest}`, call)
    await response.body.dump()
    return response.statusCode === 200 ? Number(response.headers['content-length'] ?? 0) : undefined
  }

  /**
   * Begins an upload; with `mount`, asks for the blob to be taken over from another repository of the registry. Returns
   * where to send the bytes, undefined when the blob was taken over.
   */
  async startUpload(
    mount: { digest: string; from: string } | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const query = mount ? `?${new URLSearchParams({ mount: mount.digest, from: mount.from })}` : ''
    const scopes = [...this.push, ...(mount ? [`repository:${mount.from}:pull`] : [])]
    const headers = { 'content-length': '0' }
    const sending = { method: 'POST', headers, scopes, expected: [201, 202], signal } as const
    const response = await this.session.call(`${this.path}/blobs/uploads/${query}`, sending)
    await response.body.dump()
    return response.statusCode === 201 ? undefined : this.location(response)
  }

  /** Sends bytes whose digest is not known yet; returns where to go on. */
  async sendBytes(location: string, body: Readable, signal?: AbortSignal): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' }
    const sending = { method: 'PATCH', headers, body, scopes: this.push, expected: [202, 204], signal } as const
    const response = await this.session.call(location, sending)
    await response.body.dump()
    return this.location(response)
  }

  /** Ends an upload: what was sent, or `body` of `size` bytes, has this digest. */
  async finishUpload(
    location: string,
    digest: string,
    content?: { body: Readable | Buffer; size: number },
    signal?: AbortSignal,
  ): Promise<void> {
    const url = new URL(location)
    url.searchParams.set('digest', digest)
    const headers = {
      'content-type': 'application/octet-stream',
      'content-length': String(content?.size ?? 0),
    }
    const sending = {
      method: 'PUT',
      headers,
      body: content?.body,
      scopes: this.push,
      expected: [201, 204],
      signal,
    } as const
    await (await this.session.call(url.href, sending)).body.dump()
  }

  /** Gives up an upload; that the registry forgets it by itself in the end is good enough. */
  async cancelUpload(location: string): Promise<void> {
    const sending = { method: 'DELETE', scopes: this.push, expected: [200, 202, 204, 404] } as const
    await this.session.call(location, sending).then(
      (response) => response.body.dump(),
      () => undefined,
    )
  }

  async putManifest(tag: string, type: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const headers = { 'content-type': type }
    const sending = {
      method: 'PUT',
      headers,
      body: bytes,
      scopes: this.push,
      expected: [200, 201, 202],
      signal,
    } as const
    const response = await this.session.call(`${this.path}/manifests/${tag}`, sending)
    await response.body.dump()
    const stored = response.headers['docker-content-digest']
    if (typeof stored === 'string' && stored !== digestOf(bytes))
      throw new EngineError('internal', `the registry stored ${digestOf(bytes)} as ${stored}`)
  }

  private async location(response: Response): Promise<string> {
    const { location } = response.headers
    const base = await this.session.findBase()
    if (typeof location !== 'string' || !URL.canParse(location, base))
      throw new EngineError('internal', 'the registry does not say where to upload to')
    return new URL(location, base).href
  }
}

/** An answer's bytes; a connection that breaks meanwhile is told in dockerd's words. */
async function* inWords(what: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw connectionError('GET', what, error)
  }
}
