import { homedir } from 'node:os'
import { join } from 'node:path'
import { app } from 'electron'
import { defaultDataDir, hostOfDataDir } from '../../shared/paths'

export const dataDir = defaultDataDir({ platform: process.platform, env: process.env, home: homedir() })

/** An engine that somebody else runs and the app only attaches to. */
export const foreignHost = process.env.BERTH_HOST || undefined

export const engineHost = foreignHost ?? hostOfDataDir(dataDir, process.platform)

/** In a package the engine lies outside the asar archive, which plain Node cannot read. */
export const engineScript = app.isPackaged
  ? join(process.resourcesPath, 'engine', 'out', 'main', 'engine.js')
  : join(__dirname, 'engine.js')

/** The Node that runs the engine: a copy inside a package, in development the one that runs npm. */
export const nodeBinary =
  process.env.BERTH_NODE ??
  (app.isPackaged
    ? join(process.resourcesPath, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    : (process.env.npm_node_execpath ?? 'node'))

export const rendererDir = join(__dirname, '..', 'renderer')
export const preloadScript = join(__dirname, '..', 'preload', 'index.js')
export const iconsDir = app.isPackaged
  ? join(process.resourcesPath, 'icons')
  : join(app.getAppPath(), 'resources', 'icons')

/** The only origin that the window ever shows. The host name is arbitrary: a standard scheme needs one. */
export const appScheme = 'berth-app'
export const appOrigin = `${appScheme}://window`
