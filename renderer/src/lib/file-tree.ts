import type { LayerFile } from '../../../shared/explore'

/** A folder or file of a layer; a folder's size is that of all in it. */
export interface TreeNode {
  name: string
  path: string
  size: number
  kind: LayerFile['kind']
  target?: string
  children: Map<string, TreeNode>
}

export const emptyTree = (): TreeNode => ({ name: '', path: '', size: 0, kind: 'folder', children: new Map() })

/** Adds an entry, and the folders that lead to it where the layer does not name them. */
export function addFile(root: TreeNode, file: LayerFile): void {
  let node = root
  let path = ''
  for (const name of file.path.split('/').filter(Boolean)) {
    node.size += file.size
    path = path ? `${path}/${name}` : name
    let child = node.children.get(name)
    if (!child) node.children.set(name, (child = { name, path, size: 0, kind: 'folder', children: new Map() }))
    node = child
  }
  node.size += file.size
  node.kind = file.kind
  node.target = file.target
}

export interface TreeRow {
  node: TreeNode
  depth: number
}

/** The rows of a tree of which only these folders (paths) are open; the largest first. */
export function visibleRows(root: TreeNode, open: ReadonlySet<string>, depth = 0): TreeRow[] {
  const children = [...root.children.values()].sort((a, b) => b.size - a.size || a.name.localeCompare(b.name))
  return children.flatMap((node) => [
    { node, depth },
    ...(open.has(node.path) ? visibleRows(node, open, depth + 1) : []),
  ])
}
