import { type Theme, themes } from './app'

/** One setting: from this come its default, its check and its form field. Engine settings have daemon.json's words. */
export interface Setting {
  key: string
  /** Whose it is: the app's own file, or the engine's engine.json. */
  of: 'app' | 'engine'
  section: 'General' | 'Network' | 'Registries' | 'Transfers'
  label: string
  hint: string
  type: 'choice' | 'flag' | 'text' | 'list' | 'count'
  default: SettingValue
  choices?: { value: string; label: string }[]
  placeholder?: string
  /** What is wrong with one value (of a list, one entry); undefined when it can be taken. */
  fault?: (value: string) => string | undefined
}

export type SettingValue = string | boolean | number | string[]
export type SettingValues = Record<string, SettingValue>

const proxyFault = (value: string) =>
  /^(https?|socks5):\/\/[^\s/]+\/?$/.test(value) ? undefined : 'A proxy is like http://proxy.example:3128'
const mirrorFault = (value: string) =>
  /^https?:\/\/[^\s/@]+\/?$/.test(value) ? undefined : 'A mirror is like https://mirror.example, without a path'
const hostFault = (value: string) =>
  /^[^\s/:@]+(:\d+)?$|^[0-9a-f.:]+\/\d+$/i.test(value)
    ? undefined
    : 'A host with an optional port, or a range like 10.0.0.0/8'

export const settings: Setting[] = [
  { key: 'theme', of: 'app', section: 'General', label: 'Appearance', hint: '', type: 'choice', default: 'system' satisfies Theme, choices: [{ value: 'system', label: 'Like the system' }, { value: 'light', label: 'Light' }, { value: 'dark', label: 'Dark' }], fault: (value) => (themes.includes(value as Theme) ? undefined : `No such theme: ${value}`) }, // prettier-ignore
  { key: 'startAtLogin', of: 'app', section: 'General', label: 'Start when I log in', hint: 'So that containers are there when you are.', type: 'flag', default: false }, // prettier-ignore
  { key: 'closeToTray', of: 'app', section: 'General', label: 'Keep running when the window is closed', hint: 'Berth lives on in the tray, and containers go on.', type: 'flag', default: true }, // prettier-ignore
  { key: 'http-proxy', of: 'engine', section: 'Network', label: 'Proxy for http', hint: 'Empty: as the environment says.', type: 'text', default: '', placeholder: 'http://proxy.example:3128', fault: proxyFault }, // prettier-ignore
  { key: 'https-proxy', of: 'engine', section: 'Network', label: 'Proxy for https', hint: 'Empty: as the environment says.', type: 'text', default: '', placeholder: 'http://proxy.example:3128', fault: proxyFault }, // prettier-ignore
  { key: 'no-proxy', of: 'engine', section: 'Network', label: 'Reached without a proxy', hint: 'Hosts and domains, separated by commas.', type: 'text', default: '', placeholder: 'localhost,.example.org' }, // prettier-ignore
  { key: 'registry-mirrors', of: 'engine', section: 'Registries', label: 'Mirrors of Docker Hub', hint: 'One a line, asked in this order.', type: 'list', default: [], placeholder: 'https://mirror.example', fault: mirrorFault }, // prettier-ignore
  { key: 'insecure-registries', of: 'engine', section: 'Registries', label: 'Registries without a certificate', hint: 'One a line: these may speak plain http, or have any certificate. This computer’s own always may.', type: 'list', default: [], placeholder: 'registry.lan:5000', fault: hostFault }, // prettier-ignore
  { key: 'max-concurrent-downloads', of: 'engine', section: 'Transfers', label: 'Layers downloaded at a time', hint: 'Of one pull.', type: 'count', default: 3 }, // prettier-ignore
  { key: 'max-concurrent-uploads', of: 'engine', section: 'Transfers', label: 'Layers uploaded at a time', hint: 'Of one push.', type: 'count', default: 5 }, // prettier-ignore
]

export const defaultsOf = (of: Setting['of']): SettingValues =>
  Object.fromEntries(settings.filter((setting) => setting.of === of).map(({ key, default: value }) => [key, value]))

/** What is wrong with a value; undefined when it can be taken. */
export function faultOf(setting: Setting, value: unknown): string | undefined {
  const { type, fault } = setting
  if (type === 'flag') return typeof value === 'boolean' ? undefined : 'yes or no'
  if (type === 'count')
    return Number.isInteger(value) && (value as number) >= 1 ? undefined : 'A whole number from 1 on'
  if (type === 'list') {
    if (!Array.isArray(value)) return 'A list'
    return value.map((entry) => fault?.(String(entry))).find((found) => found !== undefined)
  }
  if (typeof value !== 'string') return 'A text'
  return value === '' && type === 'text' ? undefined : fault?.(value)
}

/** Values from anywhere (a file, the window): known ones that can be taken, else the defaults. @throws {Error} with `strict` */
export function checkedSettings(of: Setting['of'], given: Record<string, unknown>, strict = false): SettingValues {
  const values = defaultsOf(of)
  for (const setting of settings.filter((each) => each.of === of)) {
    const value = given[setting.key]
    if (value === undefined) continue
    const fault = faultOf(setting, value)
    if (!fault) values[setting.key] = value as SettingValue
    else if (strict) throw new Error(`${setting.label}: ${fault}`)
  }
  return values
}
