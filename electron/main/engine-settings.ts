import { join } from 'node:path'
import { checkedSettings, type SettingValues } from '../../shared/settings'
import { dataDir } from './locations'
import { readJson, writeJson } from './settings'

/** The engine's settings file; the engine reads it when it starts (electron/engine/system/config.ts). */
const file = join(dataDir, 'engine.json')
const proxyKeys = ['http-proxy', 'https-proxy', 'no-proxy']

/** The engine's settings that the window knows; proxies lie one level deeper in the file. */
export function readEngineSettings(): SettingValues {
  const { proxies, ...rest } = readJson(file)
  return checkedSettings('engine', { ...rest, ...(proxies as object) })
}

/** Changes these and leaves what else the file has. @throws {Error} that names what is wrong; nothing is changed then */
export function writeEngineSettings(change: SettingValues): void {
  const values = checkedSettings('engine', { ...readEngineSettings(), ...change }, true)
  const proxies = Object.fromEntries(proxyKeys.filter((key) => values[key]).map((key) => [key, values[key]]))
  const others = Object.fromEntries(Object.entries(values).filter(([key]) => !proxyKeys.includes(key)))
  writeJson(file, { ...readJson(file), ...others, proxies })
}
