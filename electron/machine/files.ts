import { existsSync } from 'node:fs'
import { arch } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * The folder with what set-up builds for the machine: `guest/<debian arch>/`, `agent/`, `starter/`. BERTH_ASSETS names
 * it; else it is `assets/` of the package or `.cache/` of the checkout that this code lies in.
 */
export function assetsDir(): string {
  if (process.env.BERTH_ASSETS) return process.env.BERTH_ASSETS
  for (let dir = __dirname; dirname(dir) !== dir; dir = dirname(dir)) {
    for (const name of ['assets', '.cache']) {
      const found = join(dir, name)
      if (existsSync(join(found, 'starter')) || existsSync(join(found, 'agent'))) return found
    }
  }
  throw new Error('the files of the machine are missing: run `npm run setup` in the checkout, or install Berth again')
}

/** The agent for this computer's own processor. */
export function nativeAgent(): string {
  const goArch = { x64: 'amd64', ia32: '386', arm64: 'arm64' }[arch() as string] ?? arch()
  return join(assetsDir(), 'agent', `berth-agent-${goArch}`)
}

/** The archive of the image that is loaded on the first start. */
export function starterImage(): string {
  return join(assetsDir(), 'starter', 'busybox.tar')
}
