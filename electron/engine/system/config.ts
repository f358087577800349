import { readFile } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { MachineError } from '../../machine/machine'
import { messageOf } from '../errors'

/** The settings file, in the data dir. */
export const configFile = 'engine.json'

const count = (what: string, least: number) =>
  z
    .number()
    .int()
    .refine((value) => value >= least, { error: ({ input }) => `invalid ${what}: ${String(input)}` })

const proxies = z.strictObject({
  'http-proxy': z.string().optional(),
  'https-proxy': z.string().optional(),
  /** Hosts that are reached without a proxy, separated by commas. */
  'no-proxy': z.string().optional(),
})

/**
 * Settings in the words of dockerd's daemon.json, of which these are known; what is left out has dockerd's default. The
 * paths of keys and certificates are absolute.
 */
const schema = z.strictObject({
  /** Addresses to listen on besides the engine's own socket. */
  hosts: z.array(z.string()).default([]),
  tls: z.boolean().optional(),
  tlsverify: z.boolean().optional(),
  tlscacert: z.string().optional(),
  tlscert: z.string().optional(),
  tlskey: z.string().optional(),
  /** `http(s)://HOST[:PORT]/`, asked in this order for what lies on Docker Hub. */
  'registry-mirrors': z.array(z.string().superRefine(refuse(mirrorFault))).default([]),
  /** HOST[:PORT] or CIDR; these may have any certificate, or speak plain HTTP. */
  'insecure-registries': z.array(z.string().superRefine(refuse(insecureFault))).default([]),
  /** Layers of one pull at a time. */
  'max-concurrent-downloads': count('max concurrent downloads', 1).default(3),
  /** Layers of one push at a time. */
  'max-concurrent-uploads': count('max concurrent uploads', 1).default(5),
  /** How often a broken download is begun or continued before it counts as failed. */
  'max-download-attempts': count('max download attempts', 1).default(5),
  /** Instead of HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment. */
  proxies: proxies.default({}),
})

export type EngineConfig = z.infer<typeof schema>

/** What an engine without a settings file has. */
export const defaultConfig: EngineConfig = schema.parse({})

/**
 * Reads `engine.json` of the data dir; no file means the defaults. Throws a MachineError that names the file and the
 * first thing that is wrong in it: nothing is passed over, since a setting that has no effect misleads.
 */
export async function readEngineConfig(dataDir: string): Promise<EngineConfig> {
  const file = join(dataDir, configFile)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw unusable(file, messageOf(error))
  })
  return parseEngineConfig(text, file)
}

/** Reads the text of a settings file, `file` being its name in errors. Throws as `readEngineConfig`. */
export function parseEngineConfig(text: string, file: string): EngineConfig {
  let parsed: unknown
  try {
    parsed = text.trim() === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw unusable(file, messageOf(error))
  }
  const checked = schema.safeParse(parsed)
  if (checked.success) return checked.data
  const issue = checked.error.issues[0]!
  if (issue.code === 'unrecognized_keys')
    throw unusable(file, `the following directives don't match any configuration option: ${issue.keys.join(', ')}`)
  throw unusable(file, [...(issue.path.length > 0 ? [issue.path.join('.')] : []), issue.message].join(': '))
}

const unusable = (file: string, why: string) =>
  new MachineError('files', `The settings in ${file} cannot be used: ${why}`, 'Correct the file, then start again.')

function refuse(faultOf: (text: string) => string | undefined) {
  return (text: string, context: z.RefinementCtx) => {
    const message = faultOf(text)
    if (message) context.addIssue({ code: 'custom', message })
  }
}

function mirrorFault(text: string): string | undefined {
  if (!URL.canParse(text)) return `invalid mirror: "${text}" is not a valid URI`
  const { protocol, username, password, pathname, search, hash } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:')
    return `invalid mirror: unsupported scheme "${protocol.slice(0, -1)}" in "${text}": must use either 'https://' or 'http://'`
  if (username || password) return `invalid mirror: username/password not allowed in URI "${text}"`
  if (pathname !== '/' || search || hash) return `invalid mirror: path, query, or fragment at end of the URI "${text}"`
  return undefined
}

function insecureFault(text: string): string | undefined {
  if (text.includes('://')) return `insecure registry ${text} should not contain '://'`
  const [, address = '', bits] = /^(.*?)(?:\/(\d+))?$/.exec(text)!
  const isRange =
    bits !== undefined && ((isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128))
  const isHost = bits === undefined && URL.canParse(`http://${text}/`) && new URL(`http://${text}/`).pathname === '/'
  return isRange || (isHost && !/^-|[\s@/?#]|-$/.test(text)) ? undefined : `insecure registry ${text} is not valid`
}
