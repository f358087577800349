import type { HistoryEntry } from '../stores/images'

/** One step of an image's making, the oldest first. */
export interface ImageStep {
  /** As a Dockerfile would have it: `RUN apk add git`. */
  command: string
  comment: string
  /** Seconds since 1970. */
  created: number
  size: number
  tags: string[]
  /** The diff ID of the layer that the step made; undefined where it made none. */
  layer?: string
}

/** A step's `CreatedBy` without what builders put around it. */
export function commandOf(createdBy: string): string {
  const text = createdBy.replace(/\s*# buildkit$/, '').replace(/\|\d+ (?:\S+=\S* )*(?=\/bin\/sh -c )/, '')
  const [, nop] = /^\/bin\/sh -c #\(nop\)\s+(.*)$/s.exec(text) ?? []
  if (nop !== undefined) return nop.trim()
  const [, run] = /^(?:RUN )?\/bin\/sh -c (.*)$/s.exec(text) ?? []
  return run === undefined ? text : `RUN ${run.trim()}`
}

const makesLayer = /^(RUN|COPY|ADD|WORKDIR)\b/i

/**
 * Docker's history (newest first) and layers (lowest first) as steps. The API does not say which steps made a layer: those
 * with a size did, and where layers are left over, those of no size whose command can make one.
 */
export function stepsOf(history: HistoryEntry[], layers: string[]): ImageStep[] {
  const steps: ImageStep[] = [...history].reverse().map(({ CreatedBy, Comment, Created, Size, Tags }) => ({
    command: commandOf(CreatedBy),
    comment: Comment,
    created: Created,
    size: Size,
    tags: Tags ?? [],
  }))
  let spare = layers.length - steps.filter(({ size }) => size > 0).length
  const made = steps.filter(({ size, command }) => size > 0 || (makesLayer.test(command) && spare-- > 0))
  if (made.length === layers.length) made.forEach((step, index) => (step.layer = layers[index]))
  // An image without a history, or with one that does not fit, still has its layers.
  else if (!steps.length) return layers.map((layer) => ({ command: '', comment: '', created: 0, size: 0, tags: [], layer })) // prettier-ignore
  return steps
}
