import { EngineError, messageOf } from '../errors'
import { decompress } from '../images/compression'
import { Context } from './context'
import { get, isUrl } from './download'
import { isGitUrl, withRepository } from './git'
import { ignoring } from './patterns'
import { isTarHeader } from './tar'

/** Greatest size of a Dockerfile that a URL leads to, in bytes. */
const maxDockerfile = 1024 * 1024

/**
 * Fetches a build context: a git repository, a tar (in any compression), or a Dockerfile alone. No client has left out
 * what .dockerignore names, so that is done here. `own` says that the URL is the Dockerfile, whatever name was asked for.
 */
export async function remoteContext(
  url: string,
  { file, scratch, signal }: { file: string; scratch: string; signal: AbortSignal },
): Promise<{ context: Context; own: boolean }> {
  if (isGitUrl(url)) {
    const context = await withRepository(url, { scratch, keepGitDir: false, signal }, (tar) => Context.read(tar, file))
    return { context: await ignored(context), own: false }
  }
  if (!isUrl(url)) throw new EngineError('invalid', `remoteURL (${url}) could not be recognized as URL`)
  const { body } = await get(url, signal).catch((error: unknown) => {
    throw new EngineError('invalid', `error downloading remote context ${url}: ${messageOf(error)}`, { cause: error })
  })
  const source = await Context.empty(file)
  try {
    const entry = await source.write('Dockerfile', body)
    const head = await firstBlock(decompress(source.bytes(entry))).catch(() => Buffer.alloc(0))
    if (!isTarHeader(head)) {
      if (entry.size > maxDockerfile) throw new EngineError('invalid', `${url} is neither a tar nor a Dockerfile`)
      return { context: source, own: true }
    }
    const context = await Context.read(source.bytes(entry), `${file}-tar`)
    await source.close()
    return { context: await ignored(context), own: false }
  } catch (error) {
    await source.close()
    throw error
  }
}

async function ignored(context: Context): Promise<Context> {
  const rules = await context.text('.dockerignore')
  if (rules !== undefined) {
    const keeps = ignoring(rules)
    context.keep((path) => path === '.dockerignore' || /(^|\/)dockerfile[^/]*$/i.test(path) || keeps(path))
  }
  return context
}

async function firstBlock(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  let head = Buffer.alloc(0)
  for await (const chunk of source) {
    head = Buffer.concat([head, chunk])
    if (head.length >= 512) break
  }
  return head
}
