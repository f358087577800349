import { expect, it } from 'vitest'
import { addFile, emptyTree, visibleRows } from './file-tree'

it('sums folders, and shows what is open, the largest first', () => {
  const tree = emptyTree()
  addFile(tree, { path: 'bin/sh', kind: 'file', size: 5 })
  addFile(tree, { path: 'etc', kind: 'folder', size: 0 })
  addFile(tree, { path: 'etc/motd', kind: 'file', size: 9 })
  addFile(tree, { path: 'etc/old', kind: 'removed', size: 0 })
  expect(visibleRows(tree, new Set()).map(({ node }) => [node.name, node.size])).toEqual([
    ['etc', 9],
    ['bin', 5],
  ])
  expect(visibleRows(tree, new Set(['etc'])).map(({ node, depth }) => `${depth} ${node.name} ${node.kind}`)).toEqual([
    '0 etc folder',
    '1 motd file',
    '1 old removed',
    '0 bin folder',
  ])
})
