import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { type BuildRecord, type BuildSummary, summaryOf } from '../../shared/builds'
import { dataDir } from './locations'

const folder = join(dataDir, 'app', 'builds')
/** Older builds than so many newest ones are forgotten. */
const kept = 100
const largestDockerfile = 1024 * 1024

const fileOf = (id: string) => {
  if (!/^[0-9]+-[0-9a-f]+$/.test(id)) throw new Error(`Not a build: ${id}`)
  return join(folder, `${id}.json`)
}

async function ids(): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)).sort().reverse() // prettier-ignore
}

/** Past builds, one JSON file each in the app's own folder; an id begins with its time, so names sort. */
export const builds = {
  /** The newest first. */
  async list(): Promise<BuildSummary[]> {
    const all = await Promise.all((await ids()).map((id) => builds.read(id).catch(() => undefined)))
    return all.filter((build) => build !== undefined).map(summaryOf)
  },

  async read(id: string): Promise<BuildRecord> {
    return JSON.parse(await readFile(fileOf(id), 'utf8'))
  },

  async keep(build: BuildRecord): Promise<void> {
    const file = fileOf(build.id)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(`${file}.new`, JSON.stringify(build), { mode: 0o600 })
    await rename(`${file}.new`, file)
    for (const id of (await ids()).slice(kept)) await rm(fileOf(id), { force: true })
  },

  remove: (id: string) => rm(fileOf(id), { force: true }),

  /** The text of a folder's Dockerfile. @throws {Error} when there is none, or it is no text that a person wrote */
  async dockerfile(context: string, name: string): Promise<string> {
    if (!isAbsolute(context)) throw new Error(`Not a folder: ${context}`)
    const text = await readFile(join(context, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Error(error.code === 'ENOENT' ? `There is no ${name} in ${context}.` : error.message, { cause: error })
    })
    if (text.length > largestDockerfile) throw new Error(`${name} is too large to be a Dockerfile.`)
    return text
  },
}
