import { availableParallelism } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { parseReference, withDefaultTag } from '../../../shared/reference'
import type { Containers } from '../containers/containers'
import { expandWord } from '../dockerfile/expand'
import type { Dockerfile, Stage } from '../dockerfile/stages'
import { EngineError, messageOf } from '../errors'
import type { Images } from '../images/images'
import { chainIds, type ImageRunConfig } from '../images/oci'
import { parsePlatform, platformName, type Platform } from '../images/platform'
import type { Guest } from '../../machine/guest'
import type { Credentials } from '../registry/auth'
import { BuildArgs } from './args'
import type { BuildCache } from './cache'
import type { CacheMounts } from './cache-mounts'
import type { Context } from './context'
import { Slots, StageOutput, type Tell } from './output'
import type { BuildRequest } from './request'
import { StageRun } from './stage'

/** What builds need of the rest of the engine. */
export interface Tools {
  guest: () => Pick<Guest, 'call' | 'open'>
  facts: () => { arch: string; cpus: number }
  images: Pick<Images, 'resolve' | 'ensureUnpacked' | 'steps' | 'tag' | 'transfers'>
  containers: Pick<Containers, 'create' | 'options' | 'roots' | 'lifecycle'>
  cache: BuildCache
  mounts: CacheMounts
}

/** An image that a stage begins with, or copies from. */
export interface Base {
  id: string
  platform: Platform
  config: ImageRunConfig
}

/** One build: its stages run side by side where they do not wait for each other. */
export class Build {
  readonly platform: Platform
  readonly args: BuildArgs
  /** How many steps are told of. */
  readonly total: number
  /** Further contexts, which go when the build is over. */
  readonly contexts: Context[] = []
  private readonly runs: StageRun[] = []
  private readonly done: Promise<void>[] = []
  private readonly underWay = new Map<string, Promise<string>>()
  private readonly abort = new AbortController()
  readonly signal: AbortSignal

  constructor(
    readonly tools: Tools,
    readonly request: BuildRequest,
    readonly file: Dockerfile,
    private readonly stages: readonly Stage[],
    readonly context: Context,
    /** For files that do not come from the context: downloads, heredocs. */
    readonly extras: Context,
    /** A folder for what has to be on disk for a moment. */
    readonly scratch: string,
    signal: AbortSignal,
  ) {
    this.signal = AbortSignal.any([signal, this.abort.signal])
    const { arch } = tools.facts()
    this.platform = request.platform ? parsePlatform(request.platform, arch) : { os: 'linux', architecture: arch }
    this.args = new BuildArgs(request.buildArgs, platformArgs(this.platform, { os: 'linux', architecture: arch }))
    this.total = stages.reduce((sum, stage) => sum + 1 + stage.instructions.length, file.globals.length)
  }

  /** Runs it; returns the id of the last stage's image. Throws in dockerd's words. */
  async run(tell: Tell): Promise<string> {
    let number = 1
    for (const { args, original } of this.file.globals) {
      await tell({ stream: `Step ${number++}/${this.total} : ${original}` })
      await tell({ stream: '\n' })
      for (const [name, value] of args) {
        const word = (text: string) => expandWord(text, this.args.globalLookup, this.file.escape)
        this.args.declareGlobal(word(name), value === undefined ? undefined : word(value))
      }
    }
    const slots = new Slots(Math.max(1, Math.min(this.tools.facts().cpus, availableParallelism(), 4)))
    const outputs = this.stages.map((stage, index) => {
      const output = new StageOutput(tell)
      const run = new StageRun(this, stage, index, output, number)
      number += 1 + stage.instructions.length
      this.runs.push(run)
      return output
    })
    for (const run of this.runs) {
      const done = slots.run(() => run.run())
      // The first failure in the order of stages is the one that is told of.
      done.catch(() => undefined)
      this.done.push(done)
    }
    try {
      for (const [index, output] of outputs.entries()) {
        await output.begin()
        await this.done[index]
      }
    } finally {
      this.abort.abort(new EngineError('unavailable', 'another stage of the build failed'))
      await Promise.allSettled(this.done)
      for (const context of this.contexts) await context.close()
    }
    const id = this.runs.at(-1)!.imageId
    if (!id) throw new EngineError('invalid', 'No image was generated. Is your Dockerfile empty?')
    return id
  }

  /** What a stage's FROM names: an earlier stage, an image, or undefined for scratch. */
  async base(name: string, platform: string, run: StageRun): Promise<Base | undefined> {
    const stage = this.stages
      .slice(0, run.index)
      .findIndex((each) => each.name !== '' && each.name === name.toLowerCase())
    if (stage >= 0) return this.stageResult(stage)
    if (name === 'scratch') {
      if (platform) run.platform = parsePlatform(platform, this.platform.architecture)
      return undefined
    }
    return this.image(name, platform || this.request.platform, run.output)
  }

  /** What --from of COPY and RUN --mount names: a stage by name or number, or an image. */
  async from(name: string, run: StageRun): Promise<Base> {
    const named = this.stages.findIndex((each) => each.name !== '' && each.name === name.toLowerCase())
    const index = named < 0 && /^\d+$/.test(name) ? Number(name) : named
    if (index === run.index)
      throw new EngineError('invalid', `invalid from flag value ${name}: refers to current build stage`)
    if (index > run.index) throw new EngineError('invalid', `invalid from flag value ${name}: index out of bounds`)
    try {
      if (index < 0) return await this.image(name, this.request.platform, run.output)
      const result = await this.stageResult(index)
      if (result) return result
    } catch (error) {
      if (this.signal.aborted) throw error
      throw new EngineError('invalid', `invalid from flag value ${name}: ${messageOf(error)}`, { cause: error })
    }
    throw new EngineError('invalid', `invalid from flag value ${name}: the stage has no files`)
  }

  /** The image that an earlier build made of the same step, if this build may use it. */
  async cached(run: StageRun, key: string, createdBy: string, config: ImageRunConfig): Promise<string | undefined> {
    const { noCache, cacheFrom } = this.request
    if (noCache) return undefined
    const { cache, images } = this.tools
    const parent = run.imageId
    // The same step may be under way in another stage.
    await this.underWay.get(`${parent} ${key}`)?.catch(() => undefined)
    const found = cache.find(parent, key)
    if (!cacheFrom) return found
    const sources = cacheFrom.flatMap((name) => this.local(name))
    if (found && sources.some((source) => images.steps.descends(source, found))) return found
    for (const source of sources) {
      const { history, rootfs, config: sourceConfig } = images.steps.configOf(source)
      const below = parent ? images.steps.configOf(parent) : { history: [], rootfs: { diff_ids: [] } }
      const step = history[below.history.length]
      const sameBelow =
        below.history.every((each, at) => each.created_by === history[at]?.created_by) &&
        below.rootfs.diff_ids.every((diffId, at) => diffId === rootfs.diff_ids[at])
      if (!step || !sameBelow || step.created_by !== createdBy) continue
      const last = below.history.length + 1 === history.length
      if (last && isDeepStrictEqual(defined(sourceConfig), defined(config))) return source
      const chainId = step.empty_layer ? undefined : chainIds(rootfs.diff_ids)[below.rootfs.diff_ids.length]
      const id = images.steps.addShared(
        {
          parent,
          platform: run.platform,
          config,
          author: step.author ?? '',
          comment: '',
          createdBy,
          container: '',
          containerConfig: config,
        },
        chainId,
      )
      cache.keep(parent, key, id)
      return id
    }
    return undefined
  }

  /** Runs what makes a step's image and keeps it for later builds. */
  async making(parent: string, key: string, make: () => Promise<string>): Promise<string> {
    const name = `${parent} ${key}`
    const made = make()
    this.underWay.set(name, made)
    try {
      const id = await made
      this.tools.cache.keep(parent, key, id)
      return id
    } finally {
      this.underWay.delete(name)
    }
  }

  private local(name: string): string[] {
    try {
      return [this.tools.images.resolve(name).id]
    } catch {
      return []
    }
  }

  private async stageResult(index: number): Promise<Base | undefined> {
    await this.done[index]
    const { imageId: id, platform, config } = this.runs[index]!
    return id ? { id, platform, config } : undefined
  }

  private async image(name: string, platform: string, output: StageOutput): Promise<Base> {
    const { images } = this.tools
    const resolve = (): Base => {
      const { id, config, architecture, os, variant } = images.resolve(name, platform || undefined)
      return { id, config, platform: { os, architecture, ...(variant ? { variant } : {}) } }
    }
    if (!this.request.pull) {
      try {
        return resolve()
      } catch (error) {
        if (!(error instanceof EngineError) || error.kind !== 'notFound' || /^(sha256:)?[a-f0-9]{64}$/.test(name))
          throw error
      }
    }
    const reference = withDefaultTag(referenceOf(name))
    await images.transfers.pull(reference, (message) => void output.tell(message), this.signal, {
      platform: platform || undefined,
      credentials: credentialsFor(this.request.credentials, reference.domain),
    })
    return resolve()
  }
}

function referenceOf(name: string) {
  try {
    return parseReference(name)
  } catch (error) {
    throw new EngineError('invalid', messageOf(error))
  }
}

/** Clients name Docker Hub by an address of its own. */
function credentialsFor(all: ReadonlyMap<string, Credentials>, domain: string): Credentials | undefined {
  const names =
    domain === 'docker.io'
      ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io']
      : [domain, `https://${domain}`]
  return names.map((name) => all.get(name)).find(Boolean)
}

function platformArgs(target: Platform, build: Platform): Map<string, string> {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, platformName(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
  return new Map([...of('TARGET', target), ...of('BUILD', build)])
}

/** Without what is not set, for comparing. */
const defined = (config: ImageRunConfig): unknown => JSON.parse(JSON.stringify(config))
