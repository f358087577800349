import { lstat, mkdir, stat } from 'node:fs/promises'
import { basename, dirname, posix, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { packTar } from 'modern-tar/fs'
import { EngineError, type EngineClient } from './client'
import { defineCommand, Exit } from './command'
import { extractTar } from './extract'

interface PathStat {
  name: string
  /** Go's os.FileMode. */
  mode: number
  linkTarget: string
}

const goModeDir = 2 ** 31
const goModeSymlink = 2 ** 27
const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1

/** `CONTAINER:PATH`, or undefined for a local path (one with a slash or a drive letter before the colon). */
export function parseContainerPath(text: string): { container: string; path: string } | undefined {
  const [, container, path] = /^([^/\\.:][^/\\:]*):(.*)$/s.exec(text) ?? []
  const drive = process.platform === 'win32' && container?.length === 1
  return container && !drive ? { container, path: path || '/' } : undefined
}

/** A container's path in absolute form; a trailing slash or `/.` is kept, for it says that a folder is meant. */
const absolute = (path: string) => {
  const clean = posix.resolve('/', path)
  return /\/\.$/.test(path) ? `${clean}/.` : path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

async function statInContainer(engine: EngineClient, container: string, path: string): Promise<PathStat | undefined> {
  try {
    const { headers } = await engine.open('HEAD', `/containers/${container}/archive`, { query: { path } })
    return JSON.parse(Buffer.from(String(headers['x-docker-container-path-stat']), 'base64').toString())
  } catch (error) {
    // A HEAD has no message: ask for the container itself, so that its absence is told from the path's.
    if (!(error instanceof EngineError) || error.status !== 404) throw error
    await engine.call('GET', `/containers/${container}/json`)
    return undefined
  }
}

const linkOf = ({ mode, linkTarget }: PathStat, path: string) =>
  has(mode, goModeSymlink) && linkTarget ? posix.resolve(posix.dirname(path), linkTarget) : undefined

async function copyFrom(engine: EngineClient, container: string, given: string, to: string, follow: boolean) {
  let path = absolute(given)
  const info = await statInContainer(engine, container, path)
  if (!info) throw new Exit(1, `Error response from daemon: Could not find the file ${path} in container ${container}`)
  const asked = path
  path = (follow && linkOf(info, path)) || path
  const archive = await engine.open('GET', `/containers/${container}/archive`, { query: { path } })
  if (to === '-') return pipeline(archive, process.stdout, { end: false })

  const source = JSON.parse(
    Buffer.from(String(archive.headers['x-docker-container-path-stat']), 'base64').toString(),
  ) as PathStat
  const isFolder = has(source.mode, goModeDir)
  const target = resolve(to)
  const there = await stat(target).catch(() => undefined)
  const wantsFolder = /[\\/]\.?$/.test(to) || to === '.'
  if (there && !there.isDirectory() && isFolder) throw new Exit(1, 'cannot copy a directory to a file')
  if (!there && wantsFolder && !isFolder) throw new Exit(1, `no such directory: ${to}`)
  if (!there && !(await stat(dirname(target)).catch(() => undefined)))
    throw new Exit(1, `no such directory: ${dirname(target)}`)

  if (path.endsWith('/.')) {
    await mkdir(target, { recursive: true })
    return extractTar(archive, target, (name) => name)
  }
  // The archive's one root entry takes the name that is wanted here; a link that was followed keeps its own.
  const [dir, rootName] = there?.isDirectory() ? [target, posix.basename(asked)] : [dirname(target), basename(target)]
  return extractTar(archive, dir, (name) => [rootName, ...name.split('/').filter(Boolean).slice(1)].join('/'))
}

async function copyTo(
  engine: EngineClient,
  from: string,
  container: string,
  given: string,
  options: { archive: boolean; follow: boolean },
) {
  let path = absolute(given)
  let info = await statInContainer(engine, container, path)
  const link = info && linkOf(info, path)
  if (link) {
    path = link
    info = await statInContainer(engine, container, path)
  }
  const isFolder = info !== undefined && has(info.mode, goModeDir)
  const put = (dir: string, body: NodeJS.ReadableStream) =>
    engine.call('PUT', `/containers/${container}/archive`, {
      query: { path: dir, noOverwriteDirNonDir: true, copyUIDGID: options.archive },
      body,
      headers: { 'Content-Type': 'application/x-tar' },
    })

  if (from === '-') {
    if (!isFolder) throw new Exit(1, `destination "${container}:${given}" must be a directory`)
    return put(path, process.stdin)
  }
  const source = resolve(from)
  const local = await (options.follow ? stat : lstat)(source).catch(() => {
    throw new Exit(1, `lstat ${source}: no such file or directory`)
  })
  if (!local.isDirectory() && /[\\/]$/.test(from)) throw new Exit(1, `not a directory: ${from}`)
  if (info && !isFolder && local.isDirectory()) throw new Exit(1, 'cannot copy a directory to a file')
  if (!info && !local.isDirectory() && path.endsWith('/')) throw new Exit(1, `no such directory: ${container}:${given}`)

  const contentOnly = from === '.' || from.endsWith(`${sep}.`) || from.endsWith('/.')
  const bare = path.replace(/\/\.?$/, '') || '/'
  const [dir, name] = isFolder
    ? [bare, contentOnly ? '.' : basename(source)]
    : [posix.dirname(bare), posix.basename(bare)]
  const type = local.isDirectory() ? 'directory' : 'file'
  return put(dir, packTar([{ type, source, target: name }], { dereference: options.follow, baseDir: dirname(source) }))
}

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        berth cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  summary: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin and extract it to a
directory of a container, and as the destination to write one to stdout.`,
  flags: {
    archive: { kind: 'bool', short: 'a', help: 'Archive mode (copy all uid/gid information)' },
    'follow-link': { kind: 'bool', short: 'L', help: 'Always follow symbol link in SRC_PATH' },
    quiet: { kind: 'bool', short: 'q', help: 'Suppress the message at the end' },
  },
  args: [2, 2],
  async run({ flags, args: [from = '', to = ''], engine }) {
    const source = parseContainerPath(from)
    const target = parseContainerPath(to)
    if (source && target) throw new Exit(1, 'copying between containers is not supported')
    if (source) await copyFrom(engine, source.container, source.path, to, flags['follow-link'])
    else if (target)
      await copyTo(engine, from, target.container, target.path, {
        archive: flags.archive,
        follow: flags['follow-link'],
      })
    else throw new Exit(1, 'must specify at least one container source')
    if (!flags.quiet && process.stderr.isTTY) process.stderr.write(`Successfully copied to ${to}\n`)
  },
})
