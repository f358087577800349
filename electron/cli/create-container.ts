import { readFileSync, writeFileSync } from 'node:fs'
import { familiarName, parseReference, withDefaultTag } from '../../shared/reference'
import { EngineError, type EngineClient } from './client'
import { containerConfig, type ContainerFlags } from './container-config'
import { pullImage } from './pull-progress'

const around = { env: process.env, cwd: process.cwd(), readText: (path: string) => readFileSync(path, 'utf8') }

/** Makes a container from the options of `run`, pulling its image first as `--pull` says. Gives its id. */
export async function createContainer(engine: EngineClient, flags: ContainerFlags, args: string[], cidfile?: string) {
  const body = containerConfig(flags, args, around)
  const image = args[0]!
  const pull = flags.pull ?? 'missing'
  if (!['always', 'missing', 'never'].includes(pull))
    throw new Error(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`)
  const create = () =>
    engine.call<{ Id: string; Warnings?: string[] | null }>('POST', '/containers/create', {
      query: { name: flags.name, platform: flags.platform },
      body,
    })
  // Messages go to stderr, so that stdout is the container's alone.
  const fetchImage = () =>
    pullImage(engine, image, { platform: flags.platform, out: flags.quiet ? undefined : process.stderr })

  if (pull === 'always') await fetchImage()
  const created = await create().catch(async (error: unknown) => {
    const missing = error instanceof EngineError && error.status === 404 && /no such image/i.test(error.detail)
    if (!missing || pull !== 'missing') throw error
    process.stderr.write(`Unable to find image '${familiarName(withDefaultTag(parseReference(image)))}' locally\n`)
    await fetchImage()
    return create()
  })
  for (const warning of created.Warnings ?? []) process.stderr.write(`WARNING: ${warning}\n`)
  if (cidfile) writeFileSync(cidfile, created.Id)
  return { id: created.Id, config: body }
}
