import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, startEngine, type OwnEngine, type RunOptions } from '../kit/engine'
import { ok, runsOn } from '../kit/machines'

/** An authority, and certificates that it signs. */
class Authority {
  private constructor(
    private readonly dir: string,
    private readonly name: string,
  ) {}

  static async make(dir: string, name: string): Promise<Authority> {
    const files = ['-keyout', join(dir, `${name}-key.pem`), '-out', join(dir, `${name}.pem`)]
    ok(await run('openssl', ['req', '-x509', ...newKey, ...files, '-subj', `/CN=${name}`, '-days', '2']))
    return new Authority(dir, name)
  }

  async sign(name: string, usage: 'clientAuth' | 'serverAuth'): Promise<void> {
    const at = (file: string) => join(this.dir, file)
    const files = ['-keyout', at(`${name}-key.pem`), '-out', at(`${name}.csr`)]
    ok(await run('openssl', ['req', ...newKey, ...files, '-subj', `/CN=${name}`]))
    await writeFile(at(`${name}.ext`), `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${usage}\n`)
    const signer = ['-CA', at(`${this.name}.pem`), '-CAkey', at(`${this.name}-key.pem`), '-CAcreateserial']
    const result = ['-out', at(`${name}.pem`), '-days', '2', '-extfile', at(`${name}.ext`)]
    ok(await run('openssl', ['x509', '-req', '-in', at(`${name}.csr`), ...signer, ...result]))
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe.skipIf(!runsOn('native'))('the docker command over TCP with TLS', () => {
  let dir: string
  let address: string
  let engine: OwnEngine | undefined

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-tls-'))
    const authority = await Authority.make(dir, 'ca')
    await authority.sign('server', 'serverAuth')
    await authority.sign('client', 'clientAuth')
    const other = await Authority.make(dir, 'other')
    await other.sign('stranger', 'clientAuth')
    address = `tcp://127.0.0.1:${await freePort()}`
    const keys = {
      tlscacert: join(dir, 'ca.pem'),
      tlscert: join(dir, 'server.pem'),
      tlskey: join(dir, 'server-key.pem'),
    }
    await writeFile(join(dir, 'engine.json'), JSON.stringify({ hosts: [address], tlsverify: true, ...keys }))
    engine = await startEngine({ machine: 'native', dataDir: dir })
  }, 60_000)
  afterAll(async () => {
    await engine?.remove()
    await rm(dir, { recursive: true, force: true })
  })

  const trusting = (ca: string) => ['--tlsverify', '--tlscacert', join(dir, `${ca}.pem`)]
  const as = (name: string) => ['--tlscert', join(dir, `${name}.pem`), '--tlskey', join(dir, `${name}-key.pem`)]
  const docker = (options: RunOptions, ...args: string[]) =>
    run('docker', ['-H', address, ...args], { ...options, env: { DOCKER_HOST: '', DOCKER_CONTEXT: '' } })
  const client = (options: RunOptions, ...args: string[]) =>
    docker(options, ...trusting('ca'), ...as('client'), ...args)

  it('carries stdin to its end, what comes after it, and exit codes', async () => {
    expect(await client({}, 'run', '--rm', 'busybox', 'echo', 'plain')).toEqual({
      code: 0,
      stdout: 'plain\n',
      stderr: '',
    })
    const script = 'cat; echo end >&2; exit 3'
    expect(await client({ input: 'hi\n' }, 'run', '--rm', '-i', 'busybox', 'sh', '-c', script)).toEqual({
      code: 3,
      stdout: 'hi\n',
      stderr: 'end\n',
    })
    const much = Buffer.alloc(3_000_000, 'x')
    expect(ok(await client({ input: much }, 'run', '--rm', '-i', 'busybox', 'wc', '-c'))).toBe('3000000')
  })

  it('refuses who shows no certificate, or one of another authority', async () => {
    for (const certificate of [[], as('stranger')]) {
      const { code, stderr } = await docker({}, ...trusting('ca'), ...certificate, 'ps')
      expect(code).toBe(1)
      expect(stderr).toMatch(/tls: (certificate required|bad certificate)/)
    }
    expect((await docker({}, ...trusting('other'), ...as('client'), 'ps')).stderr).toContain('unknown authority')
  })

  it('tells who speaks plain HTTP', async () => {
    expect((await docker({}, 'ps')).stderr).toContain('Client sent an HTTP request to an HTTPS server.')
  })
})
