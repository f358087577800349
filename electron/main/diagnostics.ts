import { homedir, hostname, release, totalmem, userInfo } from 'node:os'
import { app } from 'electron'
import { berthVersion } from '../../shared/version'
import { callEngine } from './engine-client'
import type { EngineService } from './engine-process'
import { readEngineSettings } from './engine-settings'
import { foreignHost } from './locations'
import type { Settings } from './settings'

/**
 * What helps somebody else to find a fault, as one text: versions, settings, the machine's report, the ends of the logs.
 * Names of containers, images and volumes are not in it, but for what the log says.
 */
export async function collectDiagnostics(engine: EngineService, settings: Settings): Promise<string> {
  const { state } = engine
  const ask = async (path: string) => {
    if (state.phase !== 'running') return 'the engine is not running'
    return callEngine<object>(state.host, 'GET', path, 5000).catch((error: Error) => error.message)
  }
  const parts: [title: string, content: unknown][] = [
    ['Berth', { version: berthVersion, packaged: app.isPackaged, electron: process.versions.electron, node: process.versions.node }], // prettier-ignore
    ['This computer', { platform: process.platform, arch: process.arch, release: release(), memory: totalmem() }],
    ['App settings', settings.values],
    ['Engine settings', foreignHost ? 'attached to another engine' : readEngineSettings()],
    ['Engine state', state],
    ['Engine version', await ask('/version')],
    ['Engine info', await ask('/info')],
    ['Machine', await ask('/berth/machine')],
    ['Engine log', await engine.log()],
  ]
  const text = parts.map(([title, content]) => `# ${title}\n${typeof content === 'string' ? content : JSON.stringify(content, null, 2)}\n`) // prettier-ignore
  return redact(text.join('\n'), { home: homedir(), user: userInfo().username, host: hostname() })
}

/** Takes out what nobody else should read: passwords in addresses, tokens, the names of the person and the computer. */
export function redact(text: string, { home, user, host }: { home: string; user: string; host: string }): string {
  const plain = (word: string) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const named = text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"]+@/gi, '$1REDACTED@')
    .replaceAll(
      /("?(?:password|passwd|secret|token|identitytoken|auth|authorization)"?\s*[:=]\s*"?)(?:Bearer |Basic )?[^\s",}]+/gi,
      '$1REDACTED',
    ) // prettier-ignore
    .replaceAll(home, '~')
  const names = [user, host].filter((name) => name.length > 2 && name !== 'root')
  return names.reduce((all, name) => all.replaceAll(new RegExp(`\\b${plain(name)}\\b`, 'g'), 'REDACTED'), named)
}
