import { StringDecoder } from 'node:string_decoder'
import type { Readable } from 'node:stream'
import { createBody } from '../containers/config'
import type { Container } from '../containers/container'
import { attach } from '../containers/streams'
import { argumentsOf, shellOf } from '../dockerfile/configure'
import type { Instruction } from '../dockerfile/instructions'
import { EngineError } from '../errors'
import { demultiplex } from './demultiplex'
import { runMounts, scriptMount, type Release, type RunMount } from './run-mounts'
import type { Making, StageRun } from './stage'

type Run = Extract<Instruction, { kind: 'RUN' }>

/** Told besides the message: the exit code of a RUN that failed. */
export class StepFailed extends EngineError {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super('invalid', message)
  }
}

/** Carries out RUN: a container that runs the command and whose changes become the layer. */
export async function runCommand(stage: StageRun, instruction: Run): Promise<void> {
  const { command, script } = commandLine(stage, instruction)
  const mounts = await runMounts(stage, instruction.mounts)
  if (script) mounts.push(script)
  const { all, told } = stage.args.environment(stage.config.Env ?? [])
  const recorded = all.length > 0 ? [`|${told.length}`, ...told, ...command] : command
  const more = [instruction.network, instruction.mounts, mounts.map(({ key }) => key)]
  await stage.step(recorded, { more, make: () => runStep(stage, instruction, command, all, mounts) })
}

/** What is executed: a document alone is the shell's script, or a program if it begins with #!; others the shell reads. */
function commandLine(stage: StageRun, { command, heredocs }: Run): { command: string[]; script?: RunMount } {
  const [document, ...others] = heredocs
  const [text = ''] = command.words
  if (!document || !command.shell) return { command: argumentsOf(stage.config, command) }
  if (others.length === 0 && /^\d*<<-?\S+$/.test(text.trim())) {
    const { name, content } = document
    if (!content.startsWith('#!')) return { command: [...shellOf(stage.config), content] }
    return { command: [`/dev/pipes/${name}`], script: scriptMount(stage, '/dev/pipes', name, content) }
  }
  const whole = text + heredocs.map(({ content, name }) => `\n${content}${name}`).join('')
  return { command: [...shellOf(stage.config), whole] }
}

async function runStep(
  stage: StageRun,
  instruction: Run,
  command: string[],
  args: readonly string[],
  mounts: readonly RunMount[],
): Promise<Making> {
  const { build, output, config, imageId } = stage
  const { containers, images, guest } = build.tools
  if (!imageId) {
    throw new EngineError('invalid', `exec: "${command[0]}": stat ${command[0]}: no such file or directory: unknown`)
  }
  const hostConfig = { LogConfig: { Type: 'none' }, ...build.request.hostConfig }
  const { container } = await containers.create({
    name: '',
    platform: undefined,
    body: createBody.parse({
      ...config,
      Image: imageId,
      Cmd: command,
      // None, whatever the image has.
      Entrypoint: [''],
      Healthcheck: { Test: ['NONE'] },
      Env: [...args, ...(config.Env ?? [])],
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: instruction.network === 'default' ? hostConfig : { ...hostConfig, NetworkMode: instruction.network },
    }),
  })
  const releases: Release[] = []
  const release = async () => {
    for (const each of releases.splice(0)) await each()
  }
  const remove = async () => {
    await containers.lifecycle.remove(container, { force: true, volumes: true })
    await release()
  }
  try {
    for (const { prepare } of mounts) {
      const { point, release: giveBack } = await prepare()
      releases.push(giveBack)
      container.settings.mounts.push(point)
    }
    await output.say(` ---> Running in ${container.shortId}\n`)
    const code = await runToEnd(stage, container)
    if (code !== 0) {
      throw new StepFailed(`The command '${command.join(' ')}' returned a non-zero code: ${code}`, code)
    }
  } catch (error) {
    if (build.signal.aborted || build.request.forceRm) {
      await remove()
      if (!build.signal.aborted) await output.say(`Removing intermediate container ${container.shortId}\n`)
    }
    await release()
    throw error
  }
  return {
    container: container.id,
    layer: async () => {
      const root = await containers.roots.of(container)
      const stubs = mounts.map(({ destination }) => destination)
      return guest().open('layer.commit', { root, below: images.steps.top(imageId), stubs })
    },
    done: async () => {
      if (!build.request.rm) return release()
      stage.later(remove())
      await output.say(`Removing intermediate container ${container.shortId}\n`)
    },
  }
}

/** Starts the container and tells its output as it comes; gives its exit code. Ends it when the build is aborted. */
async function runToEnd(stage: StageRun, container: Container): Promise<number> {
  const { containers } = stage.build.tools
  const wanted = { stdin: false, stdout: true, stderr: true, logs: false, stream: true, detachKeys: '' }
  const { stream } = await attach(containers.options, container, wanted)
  const exited = container.wait('next-exit')
  const kill = () => void containers.lifecycle.kill(container, 'KILL').catch(() => undefined)
  try {
    await containers.lifecycle.start(container)
    stage.build.signal.addEventListener('abort', kill, { once: true })
    if (stage.build.signal.aborted) kill()
    await tellOutput(stage, stream)
    const code = await exited
    stage.build.signal.throwIfAborted()
    return code
  } finally {
    stage.build.signal.removeEventListener('abort', kill)
    stream.destroy()
  }
}

/** Standard error is told in red, as dockerd does. */
async function tellOutput({ output }: StageRun, stream: Readable): Promise<void> {
  const decoders = { 1: new StringDecoder('utf8'), 2: new StringDecoder('utf8') }
  for await (const [channel, bytes] of demultiplex(stream)) {
    const text = decoders[channel].write(bytes)
    if (text) await output.say(channel === 1 ? text : `\u001b[91m${text}\u001b[0m`)
  }
}
