import { familiarRepository, parseReference } from '../../shared/reference'
import { readJsonLines, type EngineClient } from './client'

interface Progress {
  status?: string
  id?: string
  progress?: string
  progressDetail?: { current?: number; total?: number }
  error?: string
  errorDetail?: { message?: string }
}

/** Shows progress messages: a line for each id that is rewritten in place on a terminal, plain lines elsewhere. */
export function createProgressView(out: NodeJS.WriteStream): (message: Progress) => void {
  const lineOf = new Map<string, number>()
  let height = 0
  return ({ id, status = '', progress = '', progressDetail }) => {
    const moving = Boolean(progressDetail?.total || progress)
    if (!out.isTTY) {
      if (!moving) out.write(`${id ? `${id}: ` : ''}${status}\n`)
      return
    }
    if (!id) {
      out.write(`${status}\n`)
      lineOf.clear()
      height = 0
      return
    }
    if (!lineOf.has(id)) {
      lineOf.set(id, height++)
      out.write('\n')
    }
    const up = height - lineOf.get(id)!
    const text = `${id}: ${status}${progress ? ` ${progress}` : ''}`.slice(0, out.columns || undefined)
    out.write(`\x1b[${up}A\r\x1b[2K${text}\x1b[${up}B\r`)
  }
}

/** Pulls an image and shows how it goes on `out` (nothing when undefined). Throws when the pull fails. */
export async function pullImage(
  engine: EngineClient,
  reference: string,
  { platform, allTags, out }: { platform?: string; allTags?: boolean; out?: NodeJS.WriteStream },
): Promise<void> {
  const parsed = parseReference(reference)
  const response = await engine.open('POST', '/images/create', {
    query: {
      fromImage: familiarRepository(parsed),
      tag: allTags ? undefined : (parsed.digest ?? parsed.tag ?? 'latest'),
      platform,
    },
  })
  const show = out && createProgressView(out)
  for await (const message of readJsonLines<Progress>(response)) {
    if (message.error) throw new Error(message.errorDetail?.message ?? message.error)
    show?.(message)
  }
}
