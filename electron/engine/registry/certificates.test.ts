import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Certificates } from './certificates'

// An authority of nobody's, and certificates of its for registry.test, good for a hundred years.
const authority = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUavIMeUGKlh9+flmmWXWtpdlSQSIwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUQmVydGggdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMTUyMDM0
WhgPMjEyNjEwMjgxNTIwMzRaMB8xHTAbBgNVBAMMFEJlcnRoIHRlc3QgYXV0aG9y
aXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpaMgzm4X4M75bz0uxuIEDgJX
kMTuTW+4eXGAkaSPLvl7zk1DS4aqbUI9AXQM/MulRV6w3Xe9u+q+UBL4CNRvGqNT
MFEwHQYDVR0OBBYEFBlsZC+WRv0kp3SvXHFPnZe1JNpPMB8GA1UdIwQYMBaAFBls
ZC+WRv0kp3SvXHFPnZe1JNpPMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
SAAwRQIhAIer3pyOBMqoy89lnSZXatKPym6aOqQOEW0mnW5aCFgbAiBAp8D8b5u4
y1vQ82lFmlD99B2+pMVwhO1fxca8vEH3TA==
-----END CERTIFICATE-----`
const serverCertificate = `-----BEGIN CERTIFICATE-----
MIIBnTCCAUOgAwIBAgIUX6I4lL0GjvggqXSQgfHBVlqxS2swCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUQmVydGggdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMTUyMDM0
WhgPMjEyNjEwMjgxNTIwMzRaMBgxFjAUBgNVBAMMDXJlZ2lzdHJ5LnRlc3QwWTAT
BgcqhkjOPQIBBggqhkjOPQMBBwNCAAR6C5idZFdzvyvaJQcZVQKOpAhWCMIxUFXr
S3LO4vh1Q1wdUnU6CSNRs6pMWzr7vtRq6B90bJIZdDGbsKyPi156o2IwYDAeBgNV
HREEFzAVgg1yZWdpc3RyeS50ZXN0hwQKY2NjMB0GA1UdDgQWBBSq9qDFCq6NHBU3
V/YmxD0eQlbv2jAfBgNVHSMEGDAWgBQZbGQvlkb9JKd0r1xxT52XtSTaTzAKBggq
hkjOPQQDAgNIADBFAiEA+jnA2pLi2WgPJnRGW5U5hEA/beoa8kk9f0V//RxIcHcC
IGJ/N56qQ5NtDlsWeKVwSySaYOKTe02r1nFwlRAe3s18
-----END CERTIFICATE-----`
const serverKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+wKml1TWbJNXyzC8
nOKZ7lkrme6k/uU/2hOtP4RmYQehRANCAAR6C5idZFdzvyvaJQcZVQKOpAhWCMIx
UFXrS3LO4vh1Q1wdUnU6CSNRs6pMWzr7vtRq6B90bJIZdDGbsKyPi156
-----END PRIVATE KEY-----`
const clientCertificate = `-----BEGIN CERTIFICATE-----
MIIBnTCCAUOgAwIBAgIUX6I4lL0GjvggqXSQgfHBVlqxS2wwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUQmVydGggdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIxMTUyMDM0
WhgPMjEyNjEwMjgxNTIwMzRaMBgxFjAUBgNVBAMMDXJlZ2lzdHJ5LnRlc3QwWTAT
BgcqhkjOPQIBBggqhkjOPQMBBwNCAAQCjSLFQdFe4dgnq6ev3mCy7H1rQ7qx1XEN
kjEGnDDw94sK19q2a/aH1sz+g1cOxHBrIb9eUhwKOJnle/h4KM/Vo2IwYDAeBgNV
HREEFzAVgg1yZWdpc3RyeS50ZXN0hwQKY2NjMB0GA1UdDgQWBBTdyi8Idzr6keFd
Z/k0t6n6F6pBNDAfBgNVHSMEGDAWgBQZbGQvlkb9JKd0r1xxT52XtSTaTzAKBggq
hkjOPQQDAgNIADBFAiEA3qW+ukz7Uz7QNowWd3Es0GWQRq8MXww1d+3LJXI/CXYC
IDMBXl3ERIFuiSwjADZ84tapx/Ils9jL3h9HJgYlPBl9
-----END CERTIFICATE-----`
const clientKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAEY3Ksm8UFJhBauc
R/PDMeQP43S/YbpbFpuQhvMhRnWhRANCAAQCjSLFQdFe4dgnq6ev3mCy7H1rQ7qx
1XENkjEGnDDw94sK19q2a/aH1sz+g1cOxHBrIb9eUhwKOJnle/h4KM/V
-----END PRIVATE KEY-----`

describe('certificates for registries', () => {
  let dir: string
  let server: Server

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-certs-'))
    server = createServer({
      cert: serverCertificate,
      key: serverKey,
      ca: authority,
      requestCert: true,
      rejectUnauthorized: false,
    })
    server.on('secureConnection', (socket) => socket.end(socket.authorized ? 'known' : 'unknown'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(async () => {
    server.close()
    await rm(dir, { recursive: true })
  })

  async function put(host: string, files: Record<string, string>) {
    await mkdir(join(dir, host), { recursive: true })
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, host, name), text)
  }

  /** What the server says to one who comes with this context. */
  async function ask(secureContext: SecureContext): Promise<string> {
    const { port } = server.address() as AddressInfo
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: 'registry.test', secureContext })
    let said = ''
    for await (const part of socket) said += String(part)
    return said
  }
  const context = (host: string, registry = host) => new Certificates([dir, '/nosuch']).contextFor(host, registry)

  it('trust the authorities of the registry, and of the registry on whose behalf a host is asked', async () => {
    await expect(context('registry.test:5000').then(ask)).rejects.toThrow(/certificate/)
    await put('registry.test:5000', { 'ca.crt': authority })
    expect(await ask(await context('registry.test:5000'))).toBe('unknown')
    expect(await ask(await context('tokens.test', 'registry.test:5000'))).toBe('unknown')
  })

  it('show our own certificate to the registry alone', async () => {
    await put('registry.test', { 'ca.crt': authority, 'client.cert': clientCertificate, 'client.key': clientKey })
    expect(await ask(await context('registry.test'))).toBe('known')
    expect(await ask(await context('tokens.test', 'registry.test'))).toBe('unknown')
  })

  it.each([
    [{ 'client.cert': clientCertificate }, 'missing key client.key for client certificate client.cert'],
    [{ 'client.key': clientKey }, 'missing client certificate client.cert for key client.key'],
  ])('come in pairs', async (files, message) => {
    await put('registry.test', files)
    await expect(context('registry.test')).rejects.toThrow(message)
  })
})
