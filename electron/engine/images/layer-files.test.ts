import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { expect, it } from 'vitest'
import { layerFiles } from './layer-files'

it('tells files, links and deletions of a compressed layer', async () => {
  const tar = await packTar([
    { header: { name: './etc/', type: 'directory', size: 0 } },
    { header: { name: './etc/motd', size: 5 }, body: 'hello' },
    { header: { name: 'bin/sh', type: 'symlink', linkname: 'busybox', size: 0 } },
    { header: { name: 'var/.wh.cache', size: 0 } },
    { header: { name: 'srv/.wh..wh..opq', size: 0 } },
  ])
  const found = []
  for await (const file of layerFiles(Readable.from([gzipSync(tar)]))) found.push(file)
  expect(found).toEqual([
    { path: 'etc', kind: 'folder', size: 0 },
    { path: 'etc/motd', kind: 'file', size: 5 },
    { path: 'bin/sh', kind: 'link', size: 0, target: 'busybox' },
    { path: 'var/cache', kind: 'removed', size: 0 },
    { path: 'srv', kind: 'opaque', size: 0 },
  ])
})
