import { eachJsonLine } from './client'

/** A message of a push, load or import, one a line. */
export interface TransferMessage {
  id?: string
  status?: string
  stream?: string
  progressDetail?: { current?: number; total?: number }
  error?: string
}

/**
 * Follows a transfer to its end: says its newest words and how far it is.
 * @returns what it streamed as text, e.g. `Loaded image: busybox:latest`
 * @throws {Error} with the engine's words when it fails
 */
export async function followTransfer(
  response: Response,
  task: { status: string; progress: number | null },
): Promise<string> {
  const parts = new Map<string, { current: number; total: number }>()
  let text = ''
  let failure: string | undefined
  await eachJsonLine<TransferMessage>(response, ({ id, status, stream, progressDetail, error }) => {
    failure ??= error
    text += stream ?? ''
    const words = status ?? stream?.trim()
    if (words && !id) task.status = words
    if (!id) return
    const { current, total } = progressDetail ?? {}
    if (current !== undefined && total) parts.set(id, { current: Math.min(current, total), total })
    else if (/^(Pushed|Layer already exists|Mounted from)/.test(status ?? '')) {
      const part = parts.get(id)
      if (part) part.current = part.total
    }
    const all = [...parts.values()]
    const whole = all.reduce((sum, part) => sum + part.total, 0)
    if (whole) task.progress = all.reduce((sum, part) => sum + part.current, 0) / whole
  })
  if (failure) throw new Error(failure)
  return text
}
