import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { familiarName, parseReference, withDefaultTag, type Reference } from '../../../shared/reference'
import { parseDockerfile, stagesUpTo, type Dockerfile } from '../dockerfile/stages'
import { EngineError, messageOf } from '../errors'
import { Build, type Tools } from './build'
import { Context } from './context'
import { ignoring } from './patterns'
import type { Tell } from './output'
import { buildCacheUsage, pruneBuildCache, type BuildCacheRecord } from './prune'
import { remoteContext } from './remote'
import type { BuildRequest } from './request'

/** Builds images from Dockerfiles, as dockerd's classic builder does. */
export class Builds {
  constructor(
    private readonly tools: Tools,
    /** A folder of its own for contexts while they are built from. */
    private readonly dir: string,
  ) {}

  /** Clears away what an engine that was killed left; to be called once, before anything else. */
  async open(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
    await mkdir(this.dir, { recursive: true, mode: 0o700 })
  }

  /**
   * Builds from a context that comes as a tar, and gives the image its names. Returns its id. Throws in dockerd's words,
   * before anything was told for what is wrong with the request, the context or the Dockerfile's form.
   */
  async build(
    request: BuildRequest,
    source: AsyncIterable<Uint8Array>,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<string> {
    const names = request.tags.map(nameOf)
    const { context, own } = request.remote
      ? await remoteContext(request.remote, { file: this.spool(), scratch: this.dir, signal })
      : { context: await Context.read(source, this.spool()), own: false }
    if (own) request = { ...request, dockerfile: '' }
    try {
      const extras = await Context.empty(this.spool())
      try {
        return await this.buildFrom(request, names, context, extras, tell, signal)
      } finally {
        await extras.close()
      }
    } finally {
      await context.close()
    }
  }

  /** What builds keep besides images, for GET /system/df. */
  usage(): Promise<BuildCacheRecord[]> {
    return buildCacheUsage(this.tools.mounts)
  }

  /** See pruneBuildCache. */
  prune(filters: ReadonlyMap<string, string[]>, keepStorage: number) {
    return pruneBuildCache(this.tools.mounts, filters, keepStorage)
  }

  private async buildFrom(
    request: BuildRequest,
    names: readonly Reference[],
    context: Context,
    extras: Context,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<string> {
    const file = await dockerfileOf(context, request)
    const stages = stagesUpTo(file.stages, request.target)
    for (const warning of file.warnings) await tell({ stream: `\u001b[91m${warning}\n\u001b[0m` })
    const build = new Build(this.tools, request, file, stages, context, extras, this.dir, signal)
    const id = await build.run(tell)
    const unused = build.args.unused()
    if (unused.length > 0) {
      await tell({ stream: `[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n` })
    }
    await tell({ stream: `Successfully built ${id.slice('sha256:'.length).slice(0, 12)}\n` })
    for (const name of names) {
      this.tools.images.tag(id, name)
      await tell({ stream: `Successfully tagged ${familiarName(withDefaultTag(name))}\n` })
    }
    return id
  }

  private spool(): string {
    return join(this.dir, randomUUID())
  }
}

async function dockerfileOf(context: Context, { dockerfile, labels }: BuildRequest): Promise<Dockerfile> {
  if (/^\.\.(\/|$)/.test(posix.normalize(dockerfile))) {
    throw new EngineError('invalid', `forbidden path outside the build context: ${dockerfile} ()`)
  }
  const path = posix.join('/', dockerfile || 'Dockerfile').slice(1)
  const text = (await context.text(path)) ?? (dockerfile ? undefined : await context.text('dockerfile'))
  if (text === undefined) throw new EngineError('internal', `Cannot locate specified Dockerfile: ${path}`)
  await ignore(context, path)
  const file = parseDockerfile(text, path)
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  if (pairs.length > 0) {
    const quoted = pairs.map(([name, value]): [string, string] => [singleQuoted(name), singleQuoted(value)])
    const original = `LABEL ${pairs.map((pair) => pair.join('=')).join(' ')}`
    file.stages.at(-1)!.instructions.push({ kind: 'LABEL', pairs: quoted, original, heredocs: [] })
  }
  return file
}

/**
 * Clients leave out what .dockerignore names, but for that file and the Dockerfile, which they always send. An ignore file
 * of the Dockerfile's own (NAME.dockerignore) is one that they do not know.
 */
async function ignore(context: Context, dockerfile: string): Promise<void> {
  const own = await context.text(`${dockerfile}.dockerignore`)
  const shared = await context.text('.dockerignore')
  if (own !== undefined) context.keep(ignoring(own))
  else if (shared !== undefined) {
    const keeps = ignoring(shared)
    context.keep((path) => (path !== dockerfile && path !== '.dockerignore') || keeps(path))
  }
}

/** A text that expansion leaves as it is. */
const singleQuoted = (text: string) => `'${text.replaceAll("'", `'"'"'`)}'`

function nameOf(text: string): Reference {
  try {
    const reference = withDefaultTag(parseReference(text))
    if (reference.digest) throw new Error('build tag cannot contain a digest')
    return reference
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}
