/** What the defaults depend on; pass `process.platform`, `process.env` and `os.homedir()`. */
export interface Surroundings {
  platform: string
  env: Record<string, string | undefined>
  home: string
}

const join = (platform: string, ...parts: string[]) => parts.join(platform === 'win32' ? '\\' : '/')

/** The folder that holds all of the engine's state on this system, whatever the environment asks for. */
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
export function defaultHost(platform: string, dataDir: string): string {
  return platform === 'win32' ? 'npipe:////./pipe/berth' : `unix://${join(platform, dataDir, 'berth.sock')}`
}

/**
 * Turns an address of DOCKER_HOST's form into what `node:net` and `node:http` connect to. Takes `unix:///PATH`,
 * `npipe://PIPE` and `tcp://HOST:PORT` (without TLS); throws on anything else.
 */
export function parseHost(address: string): { socketPath: string } | { host: string; port: number } {
  const [, path] = /^unix:\/\/(\/.+)$/s.exec(address) ?? []
  if (path) return { socketPath: path }
  const [, pipe] = /^npipe:\/\/(\/.+)$/.exec(address) ?? []
  if (pipe) return { socketPath: pipe.replaceAll('/', '\\') }
  const [, ipv6, name, port] = /^tcp:\/\/(?:\[([\da-f:.]+)\]|([^:/[\]]+)):(\d+)$/i.exec(address) ?? []
  if (port) return { host: (ipv6 ?? name)!, port: Number(port) }
  throw new Error(
    `Not an address of an engine: "${address}" (wanted unix:///PATH, npipe:////./pipe/NAME or tcp://HOST:PORT)`,
  )
}
