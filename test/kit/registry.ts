import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unpackTar } from 'modern-tar'
import { sha256, type MadeImage } from './images'

/** A port of this computer that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export interface Registry {
  /** `127.0.0.1:PORT` */
  address: string
  stop(): Promise<void>
}

/** Debian's docker-registry on a port and a folder of its own; with `htpasswd`, lines of that form, it asks who comes. */
export async function startRegistry(htpasswd?: string): Promise<Registry> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-registry-'))
  const address = `127.0.0.1:${await freePort()}`
  const config = join(dir, 'config.yml')
  const passwords = join(dir, 'htpasswd')
  if (htpasswd) await writeFile(passwords, htpasswd)
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: dir } },
      http: { addr: address },
      ...(htpasswd ? { auth: { htpasswd: { realm: 'test', path: passwords } } } : {}),
    }),
  )
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  while (
    !(await fetch(`http://${address}/v2/`).then(
      (answer) => answer.ok || answer.status === 401,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`)
    await sleep(20)
  }
  return {
    address,
    async stop() {
      child.kill('SIGTERM')
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function must(answer: Promise<Response>): Promise<Response> {
  const response = await answer
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
  return response
}

async function pushBlob(repository: string, bytes: Uint8Array) {
  const { headers } = await must(fetch(`${repository}/blobs/uploads/`, { method: 'POST' }))
  const upload = new URL(headers.get('location')!, repository)
  upload.searchParams.set('digest', sha256(bytes))
  await must(fetch(upload, { method: 'PUT', body: new Uint8Array(bytes) }))
}

/** Puts every image of an OCI archive into a registry under one name, by the distribution API. */
export async function pushArchive(registry: Registry, archive: string, name: string, tag: string): Promise<void> {
  const entries = await unpackTar(await readFile(archive))
  const files = new Map(entries.map(({ header, data }) => [header.name, data]))
  const blobOf = (digest: string) => files.get(`blobs/sha256/${digest.slice('sha256:'.length)}`)!
  const repository = `http://${registry.address}/v2/${name}`
  const pushManifest = async (digest: string, mediaType: string, reference: string) => {
    const bytes = blobOf(digest)
    const { manifests = [], layers = [], config } = JSON.parse(Buffer.from(bytes).toString())
    for (const child of manifests) await pushManifest(child.digest, child.mediaType, child.digest)
    for (const blob of config ? [config, ...layers] : []) await pushBlob(repository, blobOf(blob.digest))
    await must(
      fetch(`${repository}/manifests/${reference}`, {
        method: 'PUT',
        headers: { 'Content-Type': mediaType },
        body: new Uint8Array(bytes),
      }),
    )
  }
  const index = JSON.parse(Buffer.from(files.get('index.json')!).toString())
  await pushManifest(index.manifests[0].digest, index.manifests[0].mediaType, tag)
}

/**
 * A registry of one image, in an index that names its platform, that can lie: `lie` changes the bytes that it sends for a digest, while digests and manifests
 * stay true.
 */
export async function startLyingRegistry(image: MadeImage, lie: (digest: string, bytes: Buffer) => Buffer) {
  const blobs = new Map([image.config, ...image.layers].map((bytes) => [sha256(bytes), bytes]))
  const { os, architecture } = JSON.parse(image.config.toString())
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const indexType = 'application/vnd.oci.image.index.v1+json'
  const entry = {
    mediaType,
    digest: sha256(image.manifest),
    size: image.manifest.length,
    platform: { os, architecture },
  }
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry] }))
  const server: Server = createServer((request, response) => {
    const [, kind, reference = ''] = /^\/v2\/liar\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? []
    const send = (bytes: Buffer, type: string) => {
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': bytes.length })
      response.end(request.method === 'HEAD' ? undefined : bytes)
    }
    if (request.url === '/v2/') send(Buffer.from('{}'), 'application/json')
    else if (kind === 'manifests' && reference === entry.digest) send(image.manifest, mediaType)
    else if (kind === 'manifests') send(index, indexType)
    else if (kind === 'blobs' && blobs.has(reference))
      send(lie(reference, blobs.get(reference)!), 'application/octet-stream')
    else response.writeHead(404).end('{"errors":[]}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const registry: Registry = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return registry
}
