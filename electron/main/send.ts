import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import dockerIgnore, { type Ignore } from '@balena/dockerignore'
import { createTarPacker, type TarHeader } from 'modern-tar'

/** What files of this computer may be sent to: images, builds, and the files of containers. */
const receivers = /^\/(images\/load|images\/create|build|containers\/[0-9a-f]+\/archive)(\?|$)/

/** What a request below /send/ asks for. */
export interface Send {
  method: string
  /** A path of the Docker Engine API, with its query. */
  to: string
  body: Readable
}

/**
 * Reads a request of the window to send files of this computer to the engine: `file` one as it is, `tar` files and
 * folders, `context` a folder for a build. They are read as the engine takes them.
 * @throws {Error} for anything else, and for paths that are not there
 */
export async function sendOf(kind: string, query: URLSearchParams): Promise<Send> {
  const [to, method, paths] = [query.get('to') ?? '', query.get('method') ?? 'POST', query.getAll('path')]
  if (!receivers.test(to) || !['POST', 'PUT'].includes(method)) throw new Error(`Nothing can be sent to ${to}`)
  if (paths.length === 0) throw new Error('There is nothing to send')
  for (const path of paths) await lstat(path)
  if (kind === 'file') return { method, to, body: createReadStream(paths[0]!) }
  if (kind === 'tar') return { method, to, body: tarOf(selected(paths)) }
  if (kind === 'context') return { method, to, body: tarOf(await context(paths[0]!)) }
  throw new Error(`No such way to send: ${kind}`)
}

/** A file to pack: where it lies and its name in the archive. */
interface Item {
  path: string
  name: string
}

async function* selected(paths: string[]): AsyncGenerator<Item> {
  for (const path of paths) yield* walk(path, basename(path), () => true)
}

/** A folder's files without those that .dockerignore names; Dockerfile and .dockerignore always go, as docker's client sends them. */
async function context(folder: string): Promise<AsyncGenerator<Item>> {
  const text = await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => '')
  const ignore: Ignore = dockerIgnore().add(text)
  // A folder that is left out is still looked into where a later pattern may take something of it back.
  const hasExceptions = /^\s*!/m.test(text)
  const wanted = (name: string) => name === '.dockerignore' || /(^|\/)[^/]*Dockerfile[^/]*$/.test(name) || !ignore.ignores(name) // prettier-ignore
  return walk(folder, '', wanted, hasExceptions)
}

async function* walk(
  path: string,
  name: string,
  wanted: (name: string) => boolean,
  lookInto = false,
): AsyncGenerator<Item> {
  const takes = name === '' || wanted(name)
  if (takes && name !== '') yield { path, name }
  const stats = await lstat(path)
  if (!stats.isDirectory() || !(takes || lookInto)) return
  for (const child of (await readdir(path)).sort())
    yield* walk(join(path, child), name ? `${name}/${child}` : child, wanted, lookInto)
}

/** Packs files as they are read; owners are left to the receiver, which has root own them. */
function tarOf(items: AsyncIterable<Item>): Readable {
  const { readable, controller } = createTarPacker()
  async function add(header: TarHeader, body?: AsyncIterable<Uint8Array>): Promise<void> {
    const writer = controller.add(header).getWriter()
    for await (const chunk of body ?? []) await writer.write(chunk as Uint8Array<ArrayBuffer>)
    await writer.close()
  }
  async function pack(): Promise<void> {
    for await (const { path, name } of items) {
      const stats = await lstat(path)
      // Windows has no permission bits; Docker's client sends all of them then.
      const mode = process.platform === 'win32' ? 0o755 : stats.mode & 0o7777
      const common = { name, mode, mtime: stats.mtime }
      if (stats.isDirectory()) await add({ ...common, name: `${name}/`, type: 'directory', size: 0 })
      else if (stats.isSymbolicLink())
        await add({ ...common, type: 'symlink', linkname: await readlink(path), size: 0 })
      else if (stats.isFile())
        // No more than its size when it was looked at: a log that grows meanwhile would break the archive.
        await add(
          { ...common, type: 'file', size: stats.size },
          stats.size ? createReadStream(path, { end: stats.size - 1 }) : undefined,
        )
    }
    controller.finalize()
  }
  pack().catch((error: unknown) => controller.error(error))
  return Readable.fromWeb(readable as never)
}
