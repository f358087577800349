/** A file as `list` tells it. */
export interface FileEntry {
  name: string
  kind: 'folder' | 'file' | 'link' | 'other'
  /** Bytes. */
  size: number
  /** Milliseconds since 1970. */
  modified: number
  /** Permission bits, e.g. 0o644. */
  mode: number
}

const folder = 0o040000
const file = 0o100000
const link = 0o120000
const format = 0o170000

/** The command whose output `parseListing` reads: one record an entry of the folder, its name last. */
export const listCommand = (path: string) => [
  'find',
  `${path}/`,
  '-mindepth',
  '1',
  '-maxdepth',
  '1',
  '-exec',
  'stat',
  '-c',
  '//%f/%s/%Y/%n',
  '{}',
  '+',
]

/** Reads what `listCommand` wrote: folders first, then by name. A name may hold line breaks. */
export function parseListing(text: string): FileEntry[] {
  const entries: FileEntry[] = []
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const [, mode, size, modified, path] = /^\/\/([0-9a-f]+)\/(\d+)\/(-?\d+)\/(.*)$/.exec(line) ?? []
    const last = entries.at(-1)
    if (path === undefined) {
      if (last) last.name += `\n${line}`
      continue
    }
    const bits = parseInt(mode!, 16)
    const kinds: Partial<Record<number, FileEntry['kind']>> = { [folder]: 'folder', [file]: 'file', [link]: 'link' }
    entries.push({
      name: path.slice(path.lastIndexOf('/') + 1),
      kind: kinds[bits & format] ?? 'other',
      size: Number(size),
      modified: Number(modified) * 1000,
      mode: bits & 0o7777,
    })
  }
  return entries.sort((a, b) => Number(b.kind === 'folder') - Number(a.kind === 'folder') || a.name.localeCompare(b.name)) // prettier-ignore
}

/** What a file's bytes are, as far as the window can show them. */
export function contentKind(name: string, bytes: Uint8Array): 'text' | 'image' | 'binary' {
  if (/\.(png|jpe?g|gif|webp|svg|ico|bmp)$/i.test(name)) return 'image'
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? 'binary' : 'text'
  } catch {
    return 'binary'
  }
}

/** Joins a folder and a name; `/` is the top. */
export const childPath = (path: string, name: string) => `${path === '/' ? '' : path}/${name}`
