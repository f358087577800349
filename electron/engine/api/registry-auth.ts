import { z } from 'zod'
import { EngineError, messageOf } from '../errors'
import type { Credentials } from '../registry/auth'
import type { ApiRequest } from './http'

const text = z.string().nullish()

/** Docker's AuthConfig, as X-Registry-Auth, X-Registry-Config and the body of POST /auth have it. */
export const authConfig = z.object({
  username: text,
  password: text,
  /** `username:password` in base64, as the client's own file has it. */
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
})

export type AuthConfig = z.infer<typeof authConfig>

/** What an AuthConfig says about who somebody is. */
export function credentialsOf(config: AuthConfig): Credentials {
  const { username, password, auth, identitytoken, registrytoken } = config
  const [, user = '', word = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth ?? '', 'base64').toString()) ?? []
  return {
    username: username || user || undefined,
    password: password || word || undefined,
    identityToken: identitytoken || undefined,
    registryToken: registrytoken || undefined,
  }
}

/** What X-Registry-Auth carries: JSON in base64url. Like dockerd, what can't be read counts as nothing. */
export function registryAuth(header: string | string[] | undefined): Credentials | undefined {
  try {
    return decode(header)
  } catch {
    return undefined
  }
}

/** X-Registry-Auth where dockerd insists on it; the first clients sent it as the body. Rejects with kind 'invalid'. */
export async function requiredRegistryAuth({ headers, json }: ApiRequest): Promise<Credentials> {
  const header = headers['x-registry-auth']
  if (!header && Number(headers['content-length'] ?? 0) > 0) return credentialsOf(await json(authConfig))
  try {
    return decode(header)
  } catch (error) {
    const reason = header ? messageOf(error) : 'EOF'
    throw new EngineError(
      'invalid',
      `bad parameters and missing X-Registry-Auth: invalid X-Registry-Auth header: ${reason}`,
    )
  }
}

function decode(header: string | string[] | undefined): Credentials {
  return credentialsOf(authConfig.parse(JSON.parse(Buffer.from(String(header ?? ''), 'base64url').toString())))
}
