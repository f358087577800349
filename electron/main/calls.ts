import { BrowserWindow, ipcMain, type IpcMainEvent, type IpcMainInvokeEvent } from 'electron'
import type { AppEvents } from '../../shared/app'
import type { Handlers } from './handlers'
import { appOrigin } from './locations'

/** How a call's outcome travels; a thrown error would reach the window wrapped in Electron's own words. */
export type CallResult = { value: unknown } | { error: string }

/** @throws {Error} when a message does not come from the top frame of our own page */
export function assertOurs({ senderFrame }: IpcMainEvent | IpcMainInvokeEvent): void {
  if (!senderFrame || senderFrame.parent || !senderFrame.url.startsWith(`${appOrigin}/`))
    throw new Error('A message from a page that is not ours')
}

/** The one way from the window to main: `handlers` is the list of what may be called. */
export function setupCalls(handlers: Handlers): void {
  ipcMain.handle('berth:call', async (event, domain: string, name: string, args: unknown[]): Promise<CallResult> => {
    assertOurs(event)
    try {
      if (!Object.hasOwn(handlers, domain)) throw new Error(`No such call: ${domain}.${name}`)
      const calls = handlers[domain as keyof Handlers] as Record<string, (...args: unknown[]) => unknown>
      if (!Object.hasOwn(calls, name)) throw new Error(`No such call: ${domain}.${name}`)
      return { value: await calls[name]!(...args) }
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) }
    }
  })
}

/** Tells every window. */
export function broadcast<K extends keyof AppEvents>(name: K, payload: AppEvents[K]): void {
  for (const { webContents } of BrowserWindow.getAllWindows()) webContents.send('berth:event', name, payload)
}
