import type { TarEntry } from 'modern-tar'
import type { TestEngine } from './engine'
import { tar } from './images'
import { call } from './http'

/** A file of a context: its text, or a whole entry. */
export type ContextFile = string | Buffer | Omit<TarEntry['header'], 'name' | 'size'>

export interface BuildInput {
  dockerfile?: string
  files?: Record<string, ContextFile>
  /** Parameters of POST /build; those that are no strings are sent as JSON. */
  query?: Record<string, unknown>
}

export interface BuildResult {
  status: number
  /** All text of the stream. */
  text: string
  /** What the steps printed: without `Step`, ids and the words about containers. */
  printed: string
  /** The message of a failure, and its code if there is one. */
  error?: string
  code?: number
  /** The id of the image. */
  id?: string
  /** How many steps came out of the cache. */
  cached: number
}

/** Sends a context and a Dockerfile, as clients do. */
export async function build(
  engine: TestEngine,
  { dockerfile, files = {}, query = {} }: BuildInput,
): Promise<BuildResult> {
  const entries = Object.entries(files).map(([name, file]): TarEntry => {
    if (typeof file !== 'string' && !Buffer.isBuffer(file)) return { header: { name, size: 0, ...file } }
    const body = Buffer.from(file)
    return { header: { name, size: body.length, mode: 0o644, mtime: new Date(1e12) }, body }
  })
  const own = dockerfile === undefined ? [] : ([['Dockerfile', dockerfile]] as [string, string][])
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries({ rm: 1, forcerm: 1, ...query })) {
    for (const each of key === 't' && Array.isArray(value) ? value : [value]) {
      parameters.append(key, typeof each === 'object' ? JSON.stringify(each) : String(each))
    }
  }
  const answer = await call(engine, 'POST', `/v1.41/build?${parameters}`, await tar([...entries, ...own]))
  if (answer.status !== 200) {
    return { status: answer.status, text: '', printed: '', error: answer.json().message, cached: 0 }
  }
  const messages = answer.body
    .toString()
    .split('\r\n')
    .filter(Boolean)
    .map(
      (line) =>
        JSON.parse(line) as { stream?: string; error?: string; errorDetail?: { code?: number }; aux?: { ID: string } },
    )
  const text = messages.map(({ stream }) => stream ?? '').join('')
  const failure = messages.find(({ error }) => error)
  return {
    status: 200,
    text,
    printed: text
      .split('\n')
      .filter((line) => !/^(Step \d|Successfully | ---> |Removing intermediate|$)/.test(line))
      .join('\n'),
    error: failure?.error,
    code: failure?.errorDetail?.code,
    id: messages.findLast(({ aux }) => aux)?.aux!.ID,
    cached: messages.filter(({ stream }) => stream?.includes('Using cache')).length,
  }
}
