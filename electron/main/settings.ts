import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nativeTheme } from 'electron'
import { type Theme, themes } from '../../shared/app'
import { dataDir } from './locations'

const file = join(dataDir, 'app', 'settings.json')

/** The app's own settings, kept in one small JSON file. */
export class Settings {
  #theme: Theme = 'system'

  constructor() {
    try {
      const { theme } = JSON.parse(readFileSync(file, 'utf8'))
      if (themes.includes(theme)) this.#theme = theme
    } catch {
      // No file yet, or one that was cut short: the defaults hold.
    }
    nativeTheme.themeSource = this.#theme
  }

  get theme(): Theme {
    return this.#theme
  }

  /** Takes effect at once: `prefers-color-scheme` in the window follows. */
  setTheme(theme: Theme): void {
    this.#theme = theme
    nativeTheme.themeSource = theme
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(`${file}.new`, JSON.stringify({ theme }, null, 2))
    renameSync(`${file}.new`, file)
  }
}
