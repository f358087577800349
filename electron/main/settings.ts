import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { app, nativeTheme } from 'electron'
import type { Theme } from '../../shared/app'
import { checkedSettings, type SettingValues } from '../../shared/settings'
import { dataDir } from './locations'

const file = join(dataDir, 'app', 'settings.json')

/** The app's own settings (shared/settings.ts), kept in one small JSON file. What changes takes effect at once. */
export class Settings {
  #values: SettingValues

  constructor() {
    this.#values = checkedSettings('app', readJson(file))
    nativeTheme.themeSource = this.theme
    app.on('window-all-closed', () => {
      if (!this.#values.closeToTray) app.quit()
    })
  }

  get values(): SettingValues {
    return this.#values
  }

  get theme(): Theme {
    return this.#values.theme as Theme
  }

  /** Prefers-color-scheme in the window follows. @throws {Error} for no theme */
  setTheme(theme: Theme): void {
    this.set({ theme })
  }

  /** @throws {Error} that names what is wrong; nothing is changed then */
  set(change: SettingValues): void {
    const before = this.#values
    this.#values = checkedSettings('app', { ...before, ...change }, true)
    nativeTheme.themeSource = this.theme
    if (this.#values.startAtLogin !== before.startAtLogin) startAtLogin(!!this.#values.startAtLogin)
    writeJson(file, this.#values)
  }
}

/** An object from a file; {} when there is none, or one that was cut short. */
export function readJson(path: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}

export function writeJson(path: string, value: object): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** Linux has no call for it: desktops start what lies in autostart (XDG's specification of that name). */
function startAtLogin(wanted: boolean): void {
  if (process.platform !== 'linux') return app.setLoginItemSettings({ openAtLogin: wanted })
  const entry = join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'autostart', 'berth.desktop')
  if (!wanted) return rmSync(entry, { force: true })
  const program = process.env.APPIMAGE ?? process.execPath
  const target = app.isPackaged ? `"${program}"` : `"${program}" "${app.getAppPath()}"`
  mkdirSync(dirname(entry), { recursive: true })
  writeFileSync(entry, `[Desktop Entry]\nType=Application\nName=Berth\nExec=${target}\n`)
}
