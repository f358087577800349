import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from './config'
import { tcpHosts } from './tls'

test('nothing listens on TCP by itself', async () => {
  expect(await tcpHosts(defaultConfig)).toEqual([])
})

test('TCP without a check of who calls is refused', async () => {
  const hosts = ['tcp://0.0.0.0:2375']
  await expect(tcpHosts({ ...defaultConfig, hosts })).rejects.toThrow('as good as root')
  const half = { ...defaultConfig, hosts, tls: true, tlscert: '/c', tlskey: '/k' }
  await expect(tcpHosts(half)).rejects.toThrow('as good as root')
})

test('with keys and an authority, clients must show a certificate', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'berth-'))
  try {
    const file = join(dir, 'pem')
    await writeFile(file, 'pem')
    const keys = { tlsverify: true, tlscacert: file, tlscert: file, tlskey: file }
    const found = await tcpHosts({
      ...defaultConfig,
      ...keys,
      hosts: ['tcp://127.0.0.1:2377', 'tcp://[::1]', 'tcp://'],
    })
    expect(found.map(({ host, port }) => [host, port])).toEqual([
      ['127.0.0.1', 2377],
      ['::1', 2376],
      ['localhost', 2376],
    ])
    for (const { tls } of found) expect(tls).toMatchObject({ requestCert: true, rejectUnauthorized: true })
    await expect(tcpHosts({ ...defaultConfig, ...keys, hosts: ['fd://'] })).rejects.toThrow("can't listen on fd://")
  } finally {
    await rm(dir, { recursive: true })
  }
})
