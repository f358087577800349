import { humanSize } from '../../../shared/units'

/** One object of the stream that pull, push, load, import and build answer with: Docker's "JSON message". */
export interface ProgressMessage {
  status?: string
  id?: string
  progressDetail?: { current?: number; total?: number }
  /** The bar as text, for those who only print it. */
  progress?: string
  stream?: string
  /** What a program may want to know of the outcome. */
  aux?: object
}

export type OnProgress = (message: ProgressMessage) => void

/** A step of a layer that has no measure: `Waiting`, `Download complete`, `Pull complete`. */
export const step = (id: string, status: string): ProgressMessage => ({ status, progressDetail: {}, id })

const interval = 100
const width = 50

/**
 * Tells how far one action of one layer is, in bytes, at most ten times a second and once at the end.
 */
export function meter(onProgress: OnProgress, status: string, id: string, total: number): (current: number) => void {
  let last = 0
  return (current) => {
    const now = Date.now()
    if (current < total && now - last < interval) return
    last = now
    onProgress({ status, progressDetail: { current, total }, progress: bar(current, total), id })
  }
}

/** Docker's bar: `[=====>     ]  1.2MB/12MB`. */
export function bar(current: number, total: number): string {
  const numbers = `${humanSize(current, 4).padStart(8)}/${humanSize(total, 4)}`
  const done = total > 0 ? Math.floor((Math.min(current, total) / total) * width) : width
  return `[${'='.repeat(done)}>${' '.repeat(width - done)}] ${numbers}`
}
