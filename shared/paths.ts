/** What the defaults depend on; pass `process.platform`, `process.env` and `os.homedir()`. */
export interface Surroundings {
  platform: string
  env: Record<string, string | undefined>
  home: string
}

const join = (platform: string, ...parts: string[]) => parts.join(platform === 'win32' ? '\\' : '/')

/** The folder that holds all of the engine's state, unless BERTH_DATA_DIR names another. */
export function standardDataDir({ platform, env, home }: Surroundings): string {
  switch (platform) {
    case 'win32':
      return join(platform, env.LOCALAPPDATA || join(platform, home, 'AppData', 'Local'), 'Berth')
    case 'darwin':
      return join(platform, home, 'Library', 'Application Support', 'Berth')
    default:
      return join(platform, env.XDG_DATA_HOME || join(platform, home, '.local', 'share'), 'berth')
  }
}

/** The data dir in use here: BERTH_DATA_DIR, or the standard one. */
export function defaultDataDir(around: Surroundings): string {
  return around.env.BERTH_DATA_DIR || standardDataDir(around)
}

/** The address that an engine on this data dir listens on, in DOCKER_HOST's form: `unix://PATH` or `npipe://PIPE`. */
export function hostOfDataDir(dataDir: string, platform: string): string {
  return platform === 'win32' ? 'npipe:////./pipe/berth' : `unix://${join(platform, dataDir, 'berth.sock')}`
}

/** The engine's address when none is given. */
export function defaultHost(around: Surroundings): string {
  return hostOfDataDir(defaultDataDir(around), around.platform)
}

/**
 * Turns an address of DOCKER_HOST's form into what `node:net` and `node:http` connect to. Takes `unix://`, `npipe://`
 * and `tcp://` (without TLS); anything else throws.
 */
export function parseHost(host: string): { socketPath: string } | { host: string; port: number } {
  const [, scheme, rest] = /^(\w+):\/\/(.*)$/s.exec(host) ?? []
  if (scheme === 'unix' && rest) return { socketPath: rest }
  if (scheme === 'npipe' && rest) return { socketPath: rest.replaceAll('/', '\\') }
  if (scheme === 'tcp' && rest) {
    const { hostname, port } = new URL(`http://${rest}`)
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || 2375 }
  }
  throw new Error(`unable to parse docker host \`${host}\``)
}
