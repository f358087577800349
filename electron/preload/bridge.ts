import type { AppEvents } from '../../shared/app'
import type { CallResult } from '../main/calls'
import type { Handlers } from '../main/handlers'

type AnyCall = (...args: never[]) => unknown

/** What preload puts on `window.berth`: one generic call, one generic subscription. Main's handlers are the contract. */
export interface Bridge {
  readonly platform: string
  call(domain: string, name: string, args: unknown[]): Promise<CallResult>
  /** Where a file that was dropped or chosen lies on this computer; '' for one that has no path. */
  pathOf(file: File): string
  on<K extends keyof AppEvents>(name: K, listener: (payload: AppEvents[K]) => void): void
}

/** The same, as the window uses it: names, arguments and results are those of main's handlers. */
export type Call = <D extends keyof Handlers, N extends keyof Handlers[D]>(
  domain: D,
  name: N,
  ...args: Handlers[D][N] extends AnyCall ? Parameters<Handlers[D][N]> : never
) => Promise<Handlers[D][N] extends AnyCall ? Awaited<ReturnType<Handlers[D][N]>> : never>

/** The message with which the page hands preload its end of a terminal's channel. */
export interface TerminalRequest {
  type: 'berth:terminal'
  exec: string
}
