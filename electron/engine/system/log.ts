import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const maxSize = 5 * 1024 * 1024

export interface Log {
  (line: string): void
  close: () => Promise<void>
}

/** Appends lines with their time to a file; one of over 5 MiB is put aside as FILE.1 at the next start. */
export function openLog(file: string): Log {
  mkdirSync(dirname(file), { recursive: true })
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size > maxSize) renameSync(file, `${file}.1`)
  const out = createWriteStream(file, { flags: 'a' })
  // A log that can't be written must not take the engine down.
  out.on('error', () => undefined)
  const log = (line: string) => out.write(`${new Date().toISOString()} ${line}\n`)
  return Object.assign(log, { close: () => new Promise<void>((resolve) => out.end(resolve)) })
}
