import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { unpackTar } from 'modern-tar/fs'

/** A real registry (Debian's docker-registry) on a port of its own, on loopback. */
export class Registry {
  private constructor(
    readonly address: string,
    private readonly process: ChildProcess,
    private readonly dir: string,
  ) {}

  static async start(): Promise<Registry> {
    const dir = await mkdtemp(join(tmpdir(), 'berth-registry-'))
    const address = `127.0.0.1:${await freePort()}`
    const config = join(dir, 'config.yml')
    await writeFile(
      config,
      `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/data\nhttp:\n  addr: ${address}\n`,
    )
    const process = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
    const registry = new Registry(address, process, dir)
    await registry.answers()
    return registry
  }

  /**
   * Pushes what an OCI archive holds as `name:tag`, each platform with the files as further layers on top, by the
   * registry's own HTTP API (OCI distribution spec).
   */
  async push(archive: string, name: string, tag: string, files: { path: string; data: Buffer }[]): Promise<void> {
    const layout = join(this.dir, 'layout')
    await pipeline(createReadStream(archive), unpackTar(layout))
    const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
    const upload: Upload = {
      name,
      read: (digest) => readFile(join(layout, 'blobs', digest.replace(':', '/'))),
      layers: await Promise.all(files.map(layerOf)),
    }
    await this.pushManifest(upload, manifests[0], tag)
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve))
    this.process.kill()
    await ended
    await rm(this.dir, { recursive: true, force: true })
  }

  /** Returns the descriptor of what was pushed, which has more layers than the one it came from. */
  private async pushManifest(upload: Upload, { digest, ...rest }: Descriptor, tag?: string): Promise<Descriptor> {
    const manifest = JSON.parse((await upload.read(digest)).toString())
    if (manifest.manifests) {
      const pushed = []
      for (const child of manifest.manifests) pushed.push(await this.pushManifest(upload, child))
      manifest.manifests = pushed
    } else {
      for (const layer of manifest.layers) await this.pushBlob(upload.name, await upload.read(layer.digest))
      const config = JSON.parse((await upload.read(manifest.config.digest)).toString())
      for (const { diffId, gzipped } of upload.layers) {
        config.rootfs.diff_ids.push(diffId)
        config.history.push({ created_by: 'e2e' })
        const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
        manifest.layers.push({ mediaType, ...(await this.pushBlob(upload.name, gzipped)) })
      }
      Object.assign(manifest.config, await this.pushBlob(upload.name, Buffer.from(JSON.stringify(config))))
    }
    const bytes = Buffer.from(JSON.stringify(manifest))
    const pushed = { ...rest, digest: sha256(bytes), size: bytes.length }
    await this.put(`/v2/${upload.name}/manifests/${tag ?? pushed.digest}`, bytes, rest.mediaType)
    return pushed
  }

  private async pushBlob(name: string, bytes: Buffer): Promise<{ digest: string; size: number }> {
    const digest = sha256(bytes)
    const begun = await fetch(`http://${this.address}/v2/${name}/blobs/uploads/`, { method: 'POST' })
    const location = new URL(begun.headers.get('location')!, `http://${this.address}`)
    location.searchParams.set('digest', digest)
    await this.put(location.pathname + location.search, bytes, 'application/octet-stream')
    return { digest, size: bytes.length }
  }

  private async put(path: string, body: Buffer, type: string): Promise<void> {
    const response = await fetch(`http://${this.address}${path}`, {
      method: 'PUT',
      body: new Uint8Array(body),
      headers: { 'content-type': type },
    })
    if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${await response.text()}`)
  }

  private async answers(): Promise<void> {
    for (;;) {
      if (this.process.exitCode !== null) throw new Error('docker-registry ended at once')
      if (await fetch(`http://${this.address}/v2/`).then((response) => response.ok, () => false)) return // prettier-ignore
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

interface Descriptor {
  digest: string
  mediaType: string
  size: number
}

interface Layer {
  diffId: string
  gzipped: Buffer
}

interface Upload {
  name: string
  read: (digest: string) => Promise<Buffer>
  layers: Layer[]
}

const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A layer of one file. */
async function layerOf({ path, data }: { path: string; data: Buffer }): Promise<Layer> {
  const tar = Buffer.from(await packTar([{ header: { name: path, size: data.length, mode: 0o644 }, body: data }]))
  return { diffId: sha256(tar), gzipped: gzipSync(tar) }
}

/** A TCP port that is free on loopback now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
