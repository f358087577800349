/** One step of the engine's start, as its `stage` lines give it; the names are those of machine.ts, in this order. */
export interface StageReport {
  stage: string
  text: string
  /** 0 to 1 where it can be known. */
  progress?: number
}

/** What the app knows about the engine. `owned`: the app started it, so that it can stop it. */
export type EngineState =
  | { phase: 'starting'; reports: StageReport[] }
  | { phase: 'running'; host: string; owned: boolean }
  | { phase: 'stopping' }
  | { phase: 'paused' }
  | { phase: 'failed'; stage?: string; message: string; fix: string }

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

/** A container that ended badly and not because somebody asked for it. */
export interface Ending {
  title: string
  text: string
  /** Where the window says more. */
  route: string
}

/** What main tells the window without being asked. */
export interface AppEvents {
  engine: EngineState
  /** A route of the window to show. */
  navigate: string
  /** Main has told the person of it if the window was not in front; the window keeps it in its centre. */
  ending: Ending
}

/** Messages on a terminal's port, main to window. `data` is output; `end` is the last message. */
export type TerminalOutput = { type: 'data'; data: Uint8Array } | { type: 'end'; error?: string }

/** Messages on a terminal's port, window to main. `taken` grants back that many bytes of output. */
export type TerminalInput = { type: 'input'; data: string } | { type: 'taken'; bytes: number }

/** How an answer of the engine becomes a file: as it is, a log's frames as their text alone, or the one file in a tar. */
export type SaveAs = 'body' | 'log' | 'file'
