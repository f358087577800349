import { createTarDecoder } from 'modern-tar'
import { eachChunk, request } from '../api/client'
import { childPath, type FileEntry } from './files'

const kinds: Record<string, FileEntry['kind']> = { file: 'file', link: 'file', directory: 'folder', symlink: 'link' }

/**
 * Every folder of a container that does not run, by path, each folders first and then by name. The API lists no folder
 * of one that can't run a command; its archive is read through once, and only the headers are kept.
 * @param onBytes told how much has been read
 * @throws {ApiError}
 */
export async function readTree(
  container: string,
  onBytes: (read: number) => void,
  signal: AbortSignal,
): Promise<Map<string, FileEntry[]>> {
  const response = await request('GET', `/containers/${container}/archive`, { query: { path: '/' }, signal })
  const tree = new Map<string, FileEntry[]>([['/', []]])
  const decoder = createTarDecoder()
  const writer = decoder.writable.getWriter()
  let read = 0
  const feed = eachChunk(response, (bytes) => {
    read += bytes.length
    onBytes(read)
    return writer.write(bytes)
  }).then(
    () => writer.close(),
    (cause) => writer.abort(cause),
  )
  const entries = decoder.readable.getReader()
  for (;;) {
    const { done, value } = await entries.read()
    if (done) break
    await value.body.cancel()
    const { name, type = 'file', size, mtime, mode = 0 } = value.header
    const parts = name.split('/').filter((part) => part && part !== '.')
    const last = parts.pop()
    if (!last) continue
    const folder = `/${parts.join('/')}`
    const entry: FileEntry = { name: last, kind: kinds[type] ?? 'other', size, modified: mtime?.getTime() ?? 0, mode: mode & 0o7777 } // prettier-ignore
    const siblings = tree.get(folder)
    if (siblings) siblings.push(entry)
    else tree.set(folder, [entry])
    const own = childPath(folder, last)
    if (entry.kind === 'folder' && !tree.has(own)) tree.set(own, [])
  }
  await feed
  for (const siblings of tree.values())
    siblings.sort((a, b) => Number(b.kind === 'folder') - Number(a.kind === 'folder') || a.name.localeCompare(b.name))
  return tree
}

/** What a container's writable layer changes of its image: GET /containers/{id}/changes, without what is gone. */
export function marksOf(changes: readonly { Path: string; Kind: number }[]): Map<string, 'added' | 'changed'> {
  return new Map(changes.filter(({ Kind }) => Kind !== 2).map(({ Path, Kind }) => [Path, Kind === 1 ? 'added' : 'changed'])) // prettier-ignore
}
