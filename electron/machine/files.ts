import { existsSync } from 'node:fs'
import { arch, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { standardDataDir } from '../../shared/paths'

/**
 * Where the program's built files are. It has one layout below two roots: the checkout, where set-up puts what it builds
 * into `.cache/`, and the folder `engine/` of a package, where the same lies in `assets/`:
 *
 *     out/main/     the programs
 *     assets/       agent/, starter/, guest/<debian arch>/; BERTH_ASSETS names another
 */
interface Program {
  root: string
  assets: string
  packaged: boolean
}

function program(): Program {
  for (let root = __dirname; dirname(root) !== root; root = dirname(root)) {
    for (const name of ['assets', '.cache']) {
      const assets = join(root, name)
      // Others have folders of these names too.
      if (existsSync(join(assets, 'starter')) || existsSync(join(assets, 'guest')))
        return { root, assets: process.env.BERTH_ASSETS ?? assets, packaged: name === 'assets' }
    }
  }
  throw new Error('the files of the machine are missing: run `npm run setup` in the checkout, or install Berth again')
}

/** The agent for this computer's own processor. Throws, as all of these do, when nothing was built. */
export function nativeAgent(): string {
  const goArch = { x64: 'amd64', ia32: '386', arm64: 'arm64' }[arch() as string] ?? arch()
  return join(program().assets, 'agent', `berth-agent-${goArch}`)
}

/** The archive of the image that is loaded on the first start. */
export function starterImage(): string {
  return join(program().assets, 'starter', 'busybox.tar')
}

/** The folder of the guest image for one of Debian's architectures, with its manifest.json. */
export function guestImage(architecture: string): string {
  return join(program().assets, 'guest', architecture)
}

/** The bundled entry of the builtin machine's own process. */
export function vmScript(): string {
  return join(program().root, 'out', 'main', 'vm.js')
}

/**
 * Where snapshots of booted guests are kept: of a package in the user's standard data dir; BERTH_SNAPSHOT_DIR names
 * another. They hold no one's data and belong to no machine in particular.
 */
export function snapshotDir(env = process.env): string {
  if (env.BERTH_SNAPSHOT_DIR) return env.BERTH_SNAPSHOT_DIR
  const { assets, packaged } = program()
  const user = standardDataDir({ platform: process.platform, env, home: homedir() })
  return join(packaged ? user : assets, 'snapshots')
}
