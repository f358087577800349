import type { AppEvents, TerminalInput, TerminalOutput } from '../../shared/app'
import type { Bridge, Call, TerminalRequest } from '../../electron/preload/bridge'

declare global {
  interface Window {
    berth: Bridge
  }
}

export const platform = window.berth.platform

/** Calls a handler of main. @throws {Error} with the handler's own message */
export const call: Call = async (domain, name, ...args) => {
  const result = await window.berth.call(domain, name as string, args)
  if ('error' in result) throw new Error(result.error)
  return result.value as never
}

/** Where a file that was dropped or chosen lies on this computer; '' for one that has no path. */
export const pathOf = (file: File): string => (file as { path?: string }).path || window.berth.pathOf(file)

export function onAppEvent<K extends keyof AppEvents>(name: K, listener: (payload: AppEvents[K]) => void): void {
  window.berth.on(name, listener)
}

export interface TerminalPort {
  send(message: TerminalInput): void
  close(): void
}

/** Starts an exec that was made with a tty, and joins its raw stream. */
export function openTerminal(exec: string, onOutput: (message: TerminalOutput) => void): TerminalPort {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = ({ data }: MessageEvent<TerminalOutput>) => onOutput(data)
  const request: TerminalRequest = { type: 'berth:terminal', exec }
  window.postMessage(request, location.origin, [port2])
  return { send: (message) => port1.postMessage(message), close: () => port1.close() }
}
