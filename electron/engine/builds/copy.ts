import { randomUUID } from 'node:crypto'
import { join, posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shellOf } from '../dockerfile/configure'
import { expandText } from '../dockerfile/expand'
import type { Instruction } from '../dockerfile/instructions'
import type { Heredoc } from '../dockerfile/words'
import { EngineError, messageOf } from '../errors'
import type { MadeLayer } from '../images/steps'
import type { ContentDigest } from './cache'
import { Context, type Entry } from './context'
import { download, isUrl } from './download'
import { isGitUrl, withRepository } from './git'
import { digestOf, select, singleFile, type Selection } from './sources'
import type { StageRun } from './stage'
import { archivesIn, tarOf } from './tar'

type Copy = Extract<Instruction, { kind: 'COPY' | 'ADD' }>

/** Where and how files come to lie, in the agent's words (`layer.copy` of contract.json). */
interface Target {
  path: string
  folder: boolean
  file?: string
  owner?: string
  mode?: number
}

/** Carries out COPY and ADD: the agent makes a layer of the files, without a container. */
export async function copy(stage: StageRun, instruction: Copy): Promise<void> {
  const { kind } = instruction
  const sources = instruction.sources.map((source) => (typeof source === 'string' ? stage.expand(source) : source))
  const given = stage.expand(instruction.destination)
  const path = posix.join('/', given.startsWith('/') ? '' : (stage.config.WorkingDir ?? ''), given)
  const chown = stage.expand(instruction.chown)
  const target: Target = {
    path,
    folder: path.endsWith('/') || /(^|\/)\.\.?$/.test(given),
    ...(chown ? { owner: chown } : {}),
    ...modeOf(stage.expand(instruction.chmod)),
  }
  const files = instruction.from
    ? await fromImage(stage, instruction, sources as string[], target)
    : await fromContext(stage, instruction, sources, target)
  const flags = (chown ? `--chown=${chown} ` : '') + (target.mode === undefined ? '' : `--chmod=${instruction.chmod} `)
  const comment = `#(nop) ${kind} ${flags}${files.digest.kind}:${files.digest.digest} in ${given} `
  const more = [target, instruction.parents, instruction.exclude]
  await stage.step([...shellOf(stage.config), comment], { more, make: async () => ({ layer: await files.layer() }) })
}

interface Files {
  digest: ContentDigest
  /** To be called when the step is not in the cache. */
  layer: () => Promise<() => Promise<MadeLayer>>
}

async function fromImage(stage: StageRun, instruction: Copy, sources: string[], target: Target): Promise<Files> {
  const { guest, images, cache } = stage.build.tools
  if (instruction.exclude.length > 0) {
    throw new EngineError('unsupported', '--exclude is not available together with --from')
  }
  const { id } = await stage.build.from(instruction.from, stage)
  // A pivot of --parents must survive the cleaning of the path.
  const paths = sources.map((source) => (source.includes('/./') ? source : posix.join('/', source)))
  const selection = async () => ({
    layers: await images.ensureUnpacked(id),
    sources: paths,
    parents: instruction.parents,
  })
  try {
    const memo = JSON.stringify([paths, instruction.parents])
    const digest = await cache.contentsOf(id, memo, async () => guest().call('layer.digest', await selection()))
    return {
      digest,
      layer: async () => {
        const [from, { layers, below }] = [await selection(), await ground(stage)]
        return async () => {
          const made = guest().open('layer.copy', { layers, below, ...target, from })
          made.end()
          return made
        }
      },
    }
  } catch (error) {
    throw new EngineError('invalid', `${instruction.kind} failed: ${messageOf(error)}`, { cause: error })
  }
}

async function fromContext(
  stage: StageRun,
  instruction: Copy,
  sources: (string | Heredoc)[],
  target: Target,
): Promise<Files> {
  const { context, extras, signal } = stage.build
  const { kind, parents, exclude } = instruction
  const selection: Selection = { sources: [], files: [] }
  for (const source of sources) {
    const found =
      typeof source !== 'string'
        ? await document(stage, source)
        : kind === 'ADD' && isGitUrl(source)
          ? await repository(stage, source, instruction)
          : kind === 'ADD' && isUrl(source)
            ? await download(extras, source, { target: target.path, checksum: instruction.checksum, stage, signal })
            : select(context, [source], { parents, exclude, instruction: kind })
    selection.sources.push(...found.sources)
    selection.files.push(...found.files)
  }
  if (selection.sources.length > 1 && !target.folder) {
    const message = `When using ${kind} with more than one source file, the destination must be a directory and end with a /`
    throw new EngineError('invalid', message)
  }
  const archives = kind === 'ADD' ? await archivesIn(selection) : new Set<Entry>()
  const single = archives.size === 0 && !parents ? singleFile(selection) : undefined
  const { guest } = stage.build.tools
  return {
    digest: digestOf(selection),
    layer: async () => {
      const { layers, below } = await ground(stage)
      const tar = tarOf(selection, archives)
      return async () => {
        const request = { layers, below, ...target, ...(single ? { file: single.name } : {}) }
        const made = guest().open('layer.copy', { ...request, folder: target.folder || !single })
        // When the agent refuses, its reply says why; the pipe only breaks.
        pipeline(tar, made).catch((error: unknown) => made.destroy(error as Error))
        return made
      }
    },
  }
}

/** What the new layer goes on top of. */
export async function ground(stage: StageRun): Promise<{ layers: string[]; below: string }> {
  const { images } = stage.build.tools
  if (!stage.imageId) return { layers: [], below: '' }
  return { layers: await images.ensureUnpacked(stage.imageId), below: images.steps.top(stage.imageId) }
}

/** All files of a git repository. */
async function repository(stage: StageRun, url: string, { keepGitDir, exclude }: Copy): Promise<Selection> {
  const { scratch, signal } = stage.build
  const file = join(scratch, randomUUID())
  const context = await withRepository(url, { scratch, keepGitDir, signal }, (tar) => Context.read(tar, file))
  stage.build.contexts.push(context)
  return select(context, ['.'], { parents: false, exclude, instruction: 'ADD' })
}

/** A heredoc as a file of that name. */
async function document(stage: StageRun, { name, content, expand }: Heredoc): Promise<Selection> {
  const { extras, file } = stage.build
  const text = expand ? expandText(content, stage.lookup, file.escape) : content
  const path = `heredoc-${extras.count}/${name.replaceAll('/', '_')}`
  const entry = await extras.write(path, Readable.from([Buffer.from(text)]), { mode: 0o644, mtime: new Date(0) })
  return { sources: [{ path, entry }], files: [{ name, entry, context: extras }] }
}

function modeOf(text: string): { mode?: number } {
  if (text === '') return {}
  if (!/^[0-7]{1,4}$/.test(text)) {
    throw new EngineError(
      'invalid',
      `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    )
  }
  return { mode: parseInt(text, 8) }
}
