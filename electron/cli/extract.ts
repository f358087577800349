import { createWriteStream } from 'node:fs'
import { chmod, link, lstat, mkdir, rm, symlink, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createTarDecoder, type TarHeader } from 'modern-tar'

/** Where an entry goes under the root; refuses to climb out of it or to go through a symbolic link. */
async function place(root: string, name: string): Promise<string> {
  const parts = name.split('/').filter((part) => part && part !== '.')
  if (parts.includes('..')) throw new Error(`the archive has a path that climbs out of its root: ${name}`)
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = await lstat(join(root, ...parts.slice(0, depth))).catch(() => undefined)
    if (parent?.isSymbolicLink()) throw new Error(`the archive has a path through a symbolic link: ${name}`)
  }
  return join(root, ...parts)
}

/**
 * Unpacks a tar into a folder as `docker cp` does: files, folders, hard links, and symbolic links as they are; devices
 * and pipes are left out. Every name goes through `rename` first. Throws before writing outside the folder.
 */
export async function extractTar(source: Readable, root: string, rename: (name: string) => string): Promise<void> {
  const folders: { path: string; header: TarHeader }[] = []
  const entries = (Readable.toWeb(source) as ReadableStream<Uint8Array>).pipeThrough(createTarDecoder({ strict: true }))
  for await (const { header, body } of entries) {
    const path = await place(root, rename(header.name))
    await mkdir(dirname(path), { recursive: true })
    if (header.type === 'directory') {
      folders.push({ path, header })
      await mkdir(path, { recursive: true })
      await body.cancel()
      continue
    }
    if (header.type === 'file') {
      // A link of that name would be written through.
      await rm(path, { force: true })
      await pipeline(Readable.fromWeb(body as never), createWriteStream(path))
      await finish(path, header)
      continue
    }
    await body.cancel()
    if (header.type !== 'symlink' && header.type !== 'link') continue
    await rm(path, { force: true })
    if (header.type === 'symlink') await symlink(header.linkname!, path)
    else await link(await place(root, rename(header.linkname!)), path)
  }
  // Last, because writing into a folder changes its time, and a read-only one takes nothing more.
  for (const { path, header } of folders.reverse()) await finish(path, header)
}

async function finish(path: string, { mode, mtime }: TarHeader): Promise<void> {
  if (mode !== undefined) await chmod(path, mode & 0o7777)
  if (mtime) await utimes(path, mtime, mtime)
}
