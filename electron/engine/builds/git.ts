import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { promisify } from 'node:util'
import { packTar } from 'modern-tar/fs'
import { EngineError, messageOf } from '../errors'

const run = promisify(execFile)

/** Whether a build context, or a source of ADD, names a git repository. */
export const isGitUrl = (text: string): boolean =>
  /^(git:\/\/|git@|ssh:\/\/|github\.com\/)/.test(text) || /^https?:\/\/[^#]*\.git(#.*)?$/.test(text)

/**
 * Hands over the files of a git repository, `URL[#[REF][:FOLDER]]`, as a tar; what `use` makes of it is given back. Needs
 * the program `git`. Throws kind 'invalid' with what git says.
 */
export async function withRepository<T>(
  url: string,
  { scratch, keepGitDir, signal }: { scratch: string; keepGitDir: boolean; signal: AbortSignal },
  use: (tar: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const [, address = '', fragment = ''] = /^([^#]*)#?(.*)$/s.exec(url) ?? []
  const [, ref = '', folder = ''] = /^([^:]*):?(.*)$/s.exec(fragment) ?? []
  if (ref.startsWith('-') || address.startsWith('-')) throw new EngineError('invalid', `invalid git reference: ${url}`)
  const dir = await mkdtemp(join(scratch, 'git-'))
  const git = async (...args: string[]) => {
    try {
      await run('git', args, { cwd: dir, signal, maxBuffer: 16 * 1024 * 1024, env: gitEnvironment() })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        const message = `unable to prepare context: git is not installed on the engine's computer: ${url} can't be fetched`
        throw new EngineError('invalid', message, { cause: error })
      }
      const said = (error as { stderr?: string }).stderr?.trim() || messageOf(error)
      throw new EngineError('invalid', `error fetching: ${said}`, { cause: error })
    }
  }
  try {
    await git('init', '--quiet')
    await git('remote', 'add', 'origin', address.replace(/^github\.com\//, 'https://github.com/'))
    await git('fetch', '--quiet', '--depth', '1', 'origin', ref || 'HEAD')
    await git('checkout', '--quiet', 'FETCH_HEAD')
    await git('submodule', '--quiet', 'update', '--init', '--recursive', '--depth', '1')
    if (!keepGitDir) await rm(join(dir, '.git'), { recursive: true, force: true })
    const root = await realpath(join(dir, folder)).catch(() => '')
    if (root !== (await realpath(dir)) && !root.startsWith((await realpath(dir)) + sep)) {
      throw new EngineError('invalid', `error fetching: subdirectory ${folder} is not in the repository`)
    }
    return await use(packTar(root) as AsyncIterable<Uint8Array>)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Nobody is there to be asked for a password, and what this computer has set up for git is none of the build's. */
function gitEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    ...(process.env.HTTPS_PROXY ? { HTTPS_PROXY: process.env.HTTPS_PROXY } : {}),
    ...(process.env.HTTP_PROXY ? { HTTP_PROXY: process.env.HTTP_PROXY } : {}),
    GIT_TERMINAL_PROMPT: '0',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    HOME: '/nonexistent',
  }
}
