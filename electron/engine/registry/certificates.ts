import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { EngineError } from '../errors'

/** Where Linux distributions keep the certificate authorities that the computer's owner trusts. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * Certificates for talking to registries, from folders laid out as Docker's certs.d: `HOST[:PORT]/*.crt` are authorities
 * to trust besides the computer's own, `NAME.cert` with `NAME.key` prove who we are.
 */
export class Certificates {
  private system: Promise<string[]> | undefined

  /** `dirs`: certs.d folders; those that are not there are passed over. */
  constructor(private readonly dirs: readonly string[]) {}

  /**
   * What TLS to `host` needs: the authorities of `host` and of `registry`, on whose behalf it is asked (a token server or
   * a storage host may have its certificate from the same authority), but our own certificate only for `host` itself.
   * Throws in dockerd's words for a certificate without its key and the reverse.
   */
  async contextFor(host: string, registry: string): Promise<SecureContext> {
    const found = await Promise.all([...new Set([host, registry])].map((name) => this.read(name)))
    const authorities = found.flatMap((each) => each.authorities)
    const { cert, key } = found[0]!
    this.system ??= readSystem()
    return createSecureContext({ ca: [...rootCertificates, ...(await this.system), ...authorities], cert, key })
  }

  private async read(host: string): Promise<{ authorities: string[]; cert: string[]; key: string[] }> {
    const found = { authorities: [] as string[], cert: [] as string[], key: [] as string[] }
    for (const dir of this.dirs) {
      const folder = join(dir, host)
      const names = (await readdir(folder).catch(() => [])).sort()
      const text = (name: string) => readFile(join(folder, name), 'utf8')
      for (const name of names) {
        const stem = name.replace(/\.(crt|cert|key)$/, '')
        if (name.endsWith('.crt')) found.authorities.push(await text(name))
        if (name.endsWith('.cert')) {
          if (!names.includes(`${stem}.key`))
            throw new EngineError(
              'internal',
              `missing key ${stem}.key for client certificate ${name}. CA certificates must use the extension .crt`,
            )
          found.cert.push(await text(name))
          found.key.push(await text(`${stem}.key`))
        }
        if (name.endsWith('.key') && !names.includes(`${stem}.cert`))
          throw new EngineError('internal', `missing client certificate ${stem}.cert for key ${name}`)
      }
    }
    return found
  }
}

async function readSystem(): Promise<string[]> {
  const named = process.env.SSL_CERT_FILE
  for (const file of named ? [named] : systemBundles) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text) return [text]
  }
  return []
}
