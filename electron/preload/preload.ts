import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { Bridge, TerminalRequest } from './bridge'

const listeners = new Map<string, Set<(payload: never) => void>>()
ipcRenderer.on('berth:event', (_event, name: string, payload) => {
  for (const listener of listeners.get(name) ?? []) listener(payload as never)
})

const bridge: Bridge = {
  platform: process.platform,
  call: (domain, name, args) => ipcRenderer.invoke('berth:call', domain, name, args),
  // Electron before 32 tells the path on the file itself, which the page reads (renderer/src/bridge.ts).
  pathOf: (file) => webUtils?.getPathForFile(file) ?? '',
  on: (name, listener) => {
    if (!listeners.has(name)) listeners.set(name, new Set())
    listeners.get(name)!.add(listener)
  },
}
contextBridge.exposeInMainWorld('berth', bridge)

// Ports cannot cross the context bridge, so the page posts them to its own window.
window.addEventListener('message', ({ source, data, ports }: MessageEvent<TerminalRequest>) => {
  if (source === window && data?.type === 'berth:terminal')
    ipcRenderer.postMessage('berth:terminal', data.exec, [...ports])
})
