/** A step of a build, as its messages tell it. */
export interface BuildStep {
  /** From 1. */
  index: number
  /** The instruction as the engine repeats it. */
  command: string
  state: 'running' | 'done' | 'cached' | 'failed'
  /** UNIX milliseconds. */
  startedAt: number
  /** Milliseconds that it took; undefined while it runs. */
  ms?: number
  log: string
}

/** A build: what was asked for, and how it went. Times are UNIX milliseconds. */
export interface BuildRecord {
  id: string
  folder: string
  dockerfile: string
  tag: string
  startedAt: number
  ms?: number
  phase: 'running' | 'done' | 'failed' | 'cancelled'
  total: number
  steps: BuildStep[]
  error?: string
  /** The line of the Dockerfile where it failed, from 1. */
  line?: number
  /** The Dockerfile as it was. */
  text: string
  image?: string
}

/** What the list of builds shows. */
export type BuildSummary = Omit<BuildRecord, 'steps' | 'text'> & { cached: number; done: number }

export const summaryOf = (build: BuildRecord): BuildSummary => ({
  id: build.id,
  folder: build.folder,
  dockerfile: build.dockerfile,
  tag: build.tag,
  startedAt: build.startedAt,
  ms: build.ms,
  phase: build.phase,
  total: build.total,
  error: build.error,
  line: build.line,
  image: build.image,
  done: build.steps.length,
  cached: build.steps.filter(({ state }) => state === 'cached').length,
})
