import { spawn } from 'node:child_process'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** The docker command's own file, so that a login here is one there and the other way round. */
const file = join(process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'), 'config.json')

/** Docker Hub's key in that file. */
const hubKey = 'https://index.docker.io/v1/'
const hubNames = ['', 'docker.io', 'index.docker.io', 'registry-1.docker.io']

interface DockerConfig {
  auths?: Record<string, { auth?: string; identitytoken?: string }>
  credsStore?: string
  credHelpers?: Record<string, string>
}

/** Who somebody is to a registry, as Docker's AuthConfig has it. */
export interface Login {
  username?: string
  password?: string
  identitytoken?: string
  serveraddress: string
}

export const keyOf = (registry: string) => (hubNames.includes(registry) ? hubKey : registry)

async function read(): Promise<DockerConfig> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  return JSON.parse(text || '{}')
}

async function change(edit: (config: DockerConfig) => void): Promise<void> {
  const config = await read()
  edit(config)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(`${file}.new`, `${JSON.stringify(config, null, '\t')}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** Runs a credential helper (docker/docker-credential-helpers): JSON or a key in, JSON out. */
function helper(name: string, verb: 'get' | 'store' | 'erase', input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(`docker-credential-${name}`, [verb], { stdio: ['pipe', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', reject)
    // A helper that ends before it has read everything says why on its output.
    child.stdin.on('error', () => undefined)
    child.on('close', (code) => (code ? reject(new Error(output.trim() || `docker-credential-${name} failed`)) : resolve(output))) // prettier-ignore
    child.stdin.end(input)
  })
}

const helperOf = (config: DockerConfig, key: string) => config.credHelpers?.[key] ?? config.credsStore

/** The registries that there is a login for, as keys of docker's file. */
export async function logins(): Promise<string[]> {
  const { auths = {}, credHelpers = {} } = await read()
  return [...new Set([...Object.keys(auths), ...Object.keys(credHelpers)])].map((key) => (key === hubKey ? 'docker.io' : key)) // prettier-ignore
}

/** The login for a registry; undefined when there is none. */
export async function loginFor(registry: string): Promise<Login | undefined> {
  const config = await read()
  const key = keyOf(registry)
  const entry = config.auths?.[key] ?? config.auths?.[`https://${key}`]
  const store = helperOf(config, key)
  if (store) {
    const { Username, Secret } = JSON.parse(await helper(store, 'get', key).catch(() => '{}'))
    if (!Secret) return undefined
    return Username === '<token>' ? { identitytoken: Secret, serveraddress: key } : { username: Username, password: Secret, serveraddress: key } // prettier-ignore
  }
  if (!entry) return undefined
  const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(entry.auth ?? '', 'base64').toString()) ?? []
  return { username, password, identitytoken: entry.identitytoken, serveraddress: key }
}

/** Keeps a login that the engine has checked: with docker's credential helper where one is set, else in its file. */
export async function keep(login: Login): Promise<void> {
  const { username = '', password = '', identitytoken, serveraddress } = login
  const key = keyOf(serveraddress)
  const store = helperOf(await read(), key)
  if (store) {
    const secret = identitytoken ? { Username: '<token>', Secret: identitytoken } : { Username: username, Secret: password } // prettier-ignore
    await helper(store, 'store', JSON.stringify({ ServerURL: key, ...secret }))
  }
  const auth = Buffer.from(`${username}:${identitytoken ? '' : password}`).toString('base64')
  await change((config) => {
    config.auths = { ...config.auths, [key]: store ? {} : { auth, ...(identitytoken && { identitytoken }) } }
  })
}

/** Forgets the login for a registry. */
export async function forget(registry: string): Promise<void> {
  const key = keyOf(registry)
  const store = helperOf(await read(), key)
  if (store) await helper(store, 'erase', key).catch(() => undefined)
  await change((config) => delete config.auths?.[key])
}

/** The registry that a reference names, `docker.io` when it names none. */
export function registryOf(reference: string): string {
  const [first, ...rest] = reference.split('/')
  return rest.length && (/[.:]/.test(first!) || first === 'localhost') ? first! : 'docker.io'
}

/** Which registry a call of the engine's API is about to talk to; undefined for calls that talk to none. */
function registryOfCall(path: string): string | undefined {
  const { pathname, searchParams } = new URL(path, 'http://engine')
  if (pathname === '/images/create') {
    const from = searchParams.get('fromImage')
    return from ? registryOf(from) : undefined
  }
  if (pathname === '/images/search') return registryOf(searchParams.get('term') ?? '')
  if (pathname === '/berth/registry/catalog') return searchParams.get('registry') ?? ''
  if (pathname.startsWith('/berth/registry/')) return registryOf(searchParams.get('name') ?? '')
  const [, name] = /^\/(?:images\/(.+)\/push|distribution\/(.+)\/json)$/.exec(decodeURIComponent(pathname)) ?? []
  return name === undefined ? undefined : registryOf(name)
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The headers that tell a registry who the person is. The window never sees what is in them. */
export async function credentialHeaders(path: string): Promise<Record<string, string>> {
  if (path.startsWith('/build?')) {
    const all = await Promise.all((await logins()).map(async (name) => [keyOf(name), await loginFor(name)] as const))
    return { 'x-registry-config': encoded(Object.fromEntries(all.filter(([, login]) => login))) }
  }
  const registry = registryOfCall(path)
  if (registry === undefined) return {}
  return { 'x-registry-auth': encoded((await loginFor(registry)) ?? {}) }
}
