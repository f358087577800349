import { Readable } from 'node:stream'
import { createTarDecoder, type TarHeader } from 'modern-tar'
import type { LayerFile } from '../../../shared/explore'
import { decompress } from './compression'
import { readableOf } from './streams'

/**
 * The entries of a layer's tar, in whatever compression, as they come; their contents are passed over. Deletions are
 * those of the OCI image specification: `.wh.NAME`, and `.wh..wh..opq` for a whole folder.
 */
export async function* layerFiles(tar: AsyncIterable<Uint8Array>): AsyncGenerator<LayerFile> {
  const bytes = Readable.toWeb(readableOf(decompress(tar))) as ReadableStream<Uint8Array<ArrayBuffer>>
  for await (const { header, body } of bytes.pipeThrough(createTarDecoder())) {
    await body.cancel()
    yield entryOf(header)
  }
}

const kinds: Partial<Record<string, LayerFile['kind']>> = {
  file: 'file',
  directory: 'folder',
  symlink: 'link',
  link: 'hardlink',
}

function entryOf({ name, type = 'file', size = 0, linkname }: TarHeader): LayerFile {
  const path = name.replace(/^\.?\//, '').replace(/\/$/, '')
  const slash = path.lastIndexOf('/') + 1
  const last = path.slice(slash)
  if (last === '.wh..wh..opq') return { path: path.slice(0, Math.max(slash - 1, 0)), kind: 'opaque', size: 0 }
  if (last.startsWith('.wh.')) return { path: path.slice(0, slash) + last.slice(4), kind: 'removed', size: 0 }
  const kind = kinds[type] ?? 'other'
  return { path, kind, size: kind === 'file' ? size : 0, ...(linkname ? { target: linkname } : {}) }
}
