import type { BuildRecord } from '../../../../shared/builds'
import { duration } from '../../lib/format'

/** How a build goes or went, in a word, and its tone. */
export const phaseWords = {
  running: { text: 'building', tone: 'accent' },
  done: { text: 'built', tone: 'ok' },
  failed: { text: 'failed', tone: 'bad' },
  cancelled: { text: 'cancelled', tone: 'neutral' },
} as const

export const buildName = ({ tag, folder }: Pick<BuildRecord, 'tag' | 'folder'>) =>
  tag || folder.split(/[/\\]/).filter(Boolean).at(-1) || folder

/** Milliseconds, with minutes where they are many. */
export const took = (ms: number) =>
  ms < 60_000 ? duration(ms) : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
