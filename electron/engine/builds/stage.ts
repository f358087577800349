import { EngineError } from '../errors'
import { configure, nameOf, shellOf, type Draft } from '../dockerfile/configure'
import { expandWord } from '../dockerfile/expand'
import { parseLine, type Instruction } from '../dockerfile/instructions'
import type { Stage } from '../dockerfile/stages'
import type { ImageRunConfig } from '../images/oci'
import { platformName, type Platform } from '../images/platform'
import type { MadeLayer } from '../images/steps'
import type { StageArgs } from './args'
import type { Build } from './build'
import { stepKey } from './cache'
import { copy, ground } from './copy'
import type { StageOutput } from './output'
import { runCommand } from './run'

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const short = (imageId: string) => imageId.slice('sha256:'.length).slice(0, 12)

/** How a step makes its layer, and in which container. */
export interface Making {
  container?: string
  layer: () => Promise<MadeLayer>
  /** Called when the image is there. */
  done?: () => Promise<void>
}

/** One stage of a build while its instructions are carried out, each on the image that the one before made. */
export class StageRun {
  /** The image so far, '' before the first one of a stage FROM scratch. */
  imageId = ''
  draft: Draft = { config: {}, commandSet: false }
  platform: Platform
  private author = ''
  readonly args: StageArgs
  private readonly cleaning: Promise<void>[] = []

  constructor(
    readonly build: Build,
    private readonly stage: Stage,
    readonly index: number,
    readonly output: StageOutput,
    private number: number,
  ) {
    this.args = build.args.stage()
    this.platform = build.platform
  }

  get config(): ImageRunConfig {
    return this.draft.config
  }

  /** Carries out the whole stage. Throws in dockerd's words. */
  async run(): Promise<void> {
    await this.begin(this.stage.original)
    await this.from()
    await this.told()
    for (const instruction of this.stage.instructions) {
      await this.begin(instruction.original)
      await this.carryOut(instruction)
      await this.told()
    }
    await Promise.all(this.cleaning)
    if (this.imageId) await this.output.tell({ aux: { ID: this.imageId } })
  }

  /** Replaces variables by those of the stage: ENV goes before ARG. */
  readonly lookup = (name: string): string | undefined => {
    const entry = this.config.Env?.find((each) => nameOf(each) === name)
    return entry === undefined ? this.args.get(name) : entry.slice(name.length + 1)
  }

  /** What nothing waits for but the end of the stage. */
  later(work: Promise<void>): void {
    work.catch(() => undefined)
    this.cleaning.push(work)
  }

  expand(text: string): string {
    return expandWord(text, this.lookup, this.build.file.escape)
  }

  /**
   * Makes the next image, or finds it made: `command` is what history says it came of, `more` what else it depends on.
   * Without `make` only the configuration changes.
   */
  async step(
    command: readonly string[],
    {
      config = this.config,
      more = [],
      make,
    }: { config?: ImageRunConfig; more?: unknown[]; make?: () => Promise<Making> },
  ): Promise<void> {
    this.build.signal.throwIfAborted()
    const createdBy = command.join(' ')
    const { author, platform, imageId: parent } = this
    const key = stepKey(createdBy, config, author, platformName(platform), more)
    const found = await this.build.cached(this, key, createdBy, config)
    if (found) {
      await this.output.say(' ---> Using cache\n')
      this.imageId = found
      return
    }
    this.imageId = await this.build.making(parent, key, async () => {
      const { container = '', layer, done } = (await make?.()) ?? {}
      const { steps } = this.build.tools.images
      const containerConfig = { ...config, Cmd: [...command] }
      const id = await steps.add(
        { parent, platform, config, author, comment: '', createdBy, container, containerConfig },
        layer,
      )
      await done?.()
      return id
    })
  }

  /** The command that stands for an instruction in the history. */
  nop(comment: string, config = this.config): string[] {
    return [...shellOf(config), '#(nop) ', comment]
  }

  private async begin(text: string): Promise<void> {
    this.build.signal.throwIfAborted()
    await this.output.say(`Step ${this.number++}/${this.build.total} : ${text}`)
    await this.output.say('\n')
  }

  private async told(): Promise<void> {
    await this.output.say(` ---> ${short(this.imageId)}\n`)
  }

  private async from(): Promise<void> {
    const { build, stage } = this
    const word = (text: string) => expandWord(text, build.args.globalLookup, build.file.escape)
    const name = word(stage.base)
    if (name === '') throw new EngineError('invalid', `base name (${stage.base}) should not be blank`)
    const base = await build.base(name, word(stage.platform), this)
    if (base) {
      this.imageId = base.id
      this.platform = base.platform
      this.author = build.tools.images.steps.configOf(base.id).author ?? ''
      this.draft = { config: { ...base.config }, commandSet: false }
    }
    const { OnBuild: triggers = [], Env = [] } = this.config
    const env = Env.some((entry) => nameOf(entry) === 'PATH') ? Env : [...Env, defaultPath]
    this.draft.config = { ...this.config, Env: env, OnBuild: undefined }
    if (triggers.length === 0) return
    await this.output.say(`# Executing ${triggers.length} build trigger${triggers.length > 1 ? 's' : ''}\n`)
    for (const trigger of triggers) await this.carryOut(parseLine(trigger))
  }

  private async carryOut(instruction: Instruction): Promise<void> {
    switch (instruction.kind) {
      case 'RUN':
        return runCommand(this, instruction)
      case 'COPY':
      case 'ADD':
        return copy(this, instruction)
      case 'MAINTAINER':
        this.author = instruction.value
        return this.step(this.nop(`MAINTAINER ${instruction.value}`), {})
      case 'ARG': {
        const told = instruction.args.map(([name, value]) => {
          const key = this.expand(name)
          const fallback = value === undefined ? undefined : this.expand(value)
          this.args.declare(key, fallback)
          return fallback === undefined ? key : `${key}=${fallback}`
        })
        return this.step(this.nop(`ARG ${told.join(' ')}`), {})
      }
    }
    const { comment, ...draft } = configure(this.draft, instruction, {
      lookup: this.lookup,
      escape: this.build.file.escape,
    })!
    if (instruction.kind !== 'WORKDIR') await this.step(this.nop(comment, draft.config), { config: draft.config })
    else {
      const command = [...shellOf(draft.config), `#(nop) ${comment}`]
      await this.step(command, { config: draft.config, make: () => this.folder(draft.config.WorkingDir!) })
    }
    this.draft = draft
  }

  /** A layer with a folder in it. */
  private async folder(path: string): Promise<Making> {
    const under = await ground(this)
    return {
      layer: async () => {
        const made = this.build.tools.guest().open('layer.copy', { ...under, path, folder: true })
        made.end()
        return made
      },
    }
  }
}
