import { clipboard, shell } from 'electron'
import type { SaveAs, Theme } from '../../shared/app'
import { defaultsOf, type SettingValues } from '../../shared/settings'
import { builds } from './builds'
import { choose, type Choice } from './choose'
import { registries } from './registries'
import { collectDiagnostics } from './diagnostics'
import { readEngineSettings, writeEngineSettings } from './engine-settings'
import type { EngineService } from './engine-process'
import { notify } from './notifications'
import { save, saveText } from './save'
import type { Settings } from './settings'

/** What the window may ask of main. Arguments come from the page, so each handler checks its own. */
export function createHandlers(engine: EngineService, settings: Settings) {
  return {
    engine: {
      state: () => engine.state,
      retry: () => void engine.start(),
      pause: () => void engine.stop(),
      resume: () => void engine.start(),
      log: () => engine.log(),
    },
    appearance: {
      theme: () => settings.theme,
      setTheme: (theme: Theme) => settings.setTheme(theme),
    },
    settings: {
      read: () => ({ app: settings.values, engine: readEngineSettings() }),
      setApp: (change: SettingValues) => settings.set(change),
      /** The engine takes them when it starts next. */
      setEngine: (change: SettingValues) => writeEngineSettings(change),
      /** Puts everything back as it was in the beginning. */
      reset: () => {
        settings.set(defaultsOf('app'))
        writeEngineSettings(defaultsOf('engine'))
      },
      restartEngine: async () => {
        if (!engine.owned) throw new Error('This engine was started elsewhere; restart it there.')
        await engine.stop()
        await engine.start()
      },
    },
    help: {
      diagnostics: () => collectDiagnostics(engine, settings),
    },
    builds,
    registries: registries(engine),
    files: {
      choose: (kind: Choice, title: string, extensions?: string[]) => choose(kind, String(title), extensions),
    },
    app: {
      copy: (text: string) => clipboard.writeText(String(text)),
      /** Shows a notification of the system's; a click on it shows the window at `route`. */
      notify: (title: string, text: string, route?: string) =>
        notify(String(title), String(text), route === undefined ? undefined : String(route)),
      /** Saves what the engine answers to GET `path` where the person says; gives the file, or undefined. */
      save: (path: string, name: string, as?: SaveAs) => save(engine, String(path), String(name), as),
      saveText: (text: string, name: string) => saveText(String(text), String(name)),
      /** Opens a published port in the browser; nothing but this computer's own ports can be opened. */
      openPort: async (port: number) => {
        if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`Not a port: ${port}`)
        await shell.openExternal(`http://localhost:${port}/`)
      },
    },
  }
}

export type Handlers = ReturnType<typeof createHandlers>
