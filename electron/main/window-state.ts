import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserWindow, type Rectangle, screen } from 'electron'
import { dataDir } from './locations'

const file = join(dataDir, 'app', 'window.json')
/** A window of which less than this can be seen, in pixels, was on a screen that is not there any more. */
const visible = 120

interface WindowState extends Rectangle {
  maximized: boolean
}

/** Where the window was when it was closed last, as far as that is on a screen; else only how large a new one is. */
export function windowState(): Partial<WindowState> & { width: number; height: number } {
  const usual = { width: 1280, height: 800 }
  try {
    const state: WindowState = JSON.parse(readFileSync(file, 'utf8'))
    const { x, y, width, height } = screen.getDisplayMatching(state).workArea
    const seenAcross = Math.min(state.x + state.width, x + width) - Math.max(state.x, x)
    const seenDown = Math.min(state.y + state.height, y + height) - Math.max(state.y, y)
    return seenAcross >= visible && seenDown >= visible ? state : usual
  } catch {
    // No file yet, or one that was cut short.
    return usual
  }
}

/** Keeps where the window is, when it is closed. */
export function keepWindowState(window: BrowserWindow): void {
  window.on('close', () => {
    const state: WindowState = { ...window.getNormalBounds(), maximized: window.isMaximized() }
    writeFileSync(file, JSON.stringify(state))
  })
}
