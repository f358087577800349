import { request } from 'node:http'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { KnownRegistry } from '../../shared/explore'
import { parseHost } from '../../shared/paths'
import { forget, keep, keyOf, logins } from './credentials'
import type { EngineService } from './engine-process'
import { dataDir } from './locations'

const file = join(dataDir, 'app', 'registries.json')

const hub = 'docker.io'

function saved(): string[] {
  try {
    const hosts: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Array.isArray(hosts) ? hosts.map(String) : []
  } catch {
    // None were added yet.
    return []
  }
}

function save(hosts: string[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, JSON.stringify([...new Set(hosts)]))
  renameSync(`${file}.new`, file)
}

function checked(host: string): string {
  const bare = String(host).trim().replace(/^https?:\/\//, '').replace(/\/.*$/, '') // prettier-ignore
  if (!/^[\w.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i.test(bare)) throw new Error(`Not a registry's name: ${host}`)
  return bare
}

/** The registries that the person added or has a login for, Docker Hub first. */
export const registries = (engine: EngineService) => ({
  async list(): Promise<KnownRegistry[]> {
    const known = await logins().catch((): string[] => [])
    const hosts = [...new Set([hub, ...saved(), ...known])]
    return hosts.map((host) => ({ host, loggedIn: known.includes(host) }))
  },

  /** Returns the name under which it is known. */
  add(host: string): string {
    const bare = checked(host)
    save([...saved(), bare])
    return bare
  },

  async remove(host: string): Promise<void> {
    save(saved().filter((each) => each !== host))
    await forget(host)
  },

  /** Has the engine check the login, then keeps it as the docker command keeps its own. @throws {Error} in the registry's words */
  async login(host: string, username: string, password: string): Promise<void> {
    const serveraddress = keyOf(checked(host))
    const answer = await check(engine, { username: String(username), password: String(password), serveraddress })
    await keep({ username, password, serveraddress, identitytoken: answer.IdentityToken || undefined })
  },

  logout: (host: string) => forget(String(host)),
})

function check(engine: EngineService, login: object): Promise<{ IdentityToken?: string }> {
  const { state } = engine
  if (state.phase !== 'running') throw new Error('The engine is not running')
  const body = JSON.stringify(login)
  const headers = { host: 'berth', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const call = request({ ...parseHost(state.host), method: 'POST', path: '/auth', agent: false, headers })
    call.on('error', reject)
    call.on('response', async (response) => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      const answer = JSON.parse(text || '{}')
      if (response.statusCode! < 400) resolve(answer)
      else reject(new Error(answer.message ?? text))
    })
    call.end(body)
  })
}
