import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

  /** Pushes what an OCI archive holds, as `name:tag`, by the registry's own HTTP API (OCI distribution spec). */
  async push(archive: string, name: string, tag: string): Promise<void> {
    const layout = join(this.dir, 'layout')
    const { createReadStream } = await import('node:fs')
    const { pipeline } = await import('node:stream/promises')
    await pipeline(createReadStream(archive), unpackTar(layout))
    const read = (digest: string) => readFile(join(layout, 'blobs', digest.replace(':', '/')))
    const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
    await this.pushManifest(name, manifests[0], tag, read)
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve))
    this.process.kill()
    await ended
    await rm(this.dir, { recursive: true, force: true })
  }

  private async pushManifest(name: string, { digest, mediaType }: Descriptor, reference: string, read: Read) {
    const bytes = await read(digest)
    const manifest = JSON.parse(bytes.toString())
    for (const child of manifest.manifests ?? []) await this.pushManifest(name, child, child.digest, read)
    for (const blob of [manifest.config, ...(manifest.layers ?? [])]) if (blob) await this.pushBlob(name, blob, read)
    await this.put(`/v2/${name}/manifests/${reference}`, bytes, mediaType)
  }

  private async pushBlob(name: string, { digest }: Descriptor, read: Read): Promise<void> {
    const begun = await fetch(`http://${this.address}/v2/${name}/blobs/uploads/`, { method: 'POST' })
    const location = new URL(begun.headers.get('location')!, `http://${this.address}`)
    location.searchParams.set('digest', digest)
    await this.put(location.pathname + location.search, await read(digest), 'application/octet-stream')
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
}
type Read = (digest: string) => Promise<Buffer>

/** A TCP port that is free on loopback now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
