import { expect, it } from 'vitest'
import { call } from '../kit/http'
import { ok, onEachMachine } from '../kit/machines'

onEachMachine('system', (engine) => {
  it.each(['/_ping', '/v1.41/_ping'])('GET %s says OK and how to negotiate', async (path) => {
    const { status, headers, body } = await call(engine(), 'GET', path)
    expect(status).toBe(200)
    expect(body.toString()).toBe('OK')
    expect(headers['api-version']).toMatch(/^1\.\d+$/)
    expect(headers.ostype).toBe('linux')
    expect(headers['cache-control']).toContain('no-cache')
  })

  it('HEAD /_ping has no body', async () => {
    const { status, headers, body } = await call(engine(), 'HEAD', '/_ping')
    expect(status).toBe(200)
    expect(headers['api-version']).toBeDefined()
    expect(body).toHaveLength(0)
  })

  it('gives the same version with and without a prefix', async () => {
    const plain = await call(engine(), 'GET', '/version')
    const prefixed = await call(engine(), 'GET', '/v1.24/version')
    expect(plain.status).toBe(200)
    expect(prefixed.json()).toEqual(plain.json())
    expect(plain.json()).toMatchObject({ Os: 'linux', ApiVersion: expect.stringMatching(/^1\.\d+$/) })
    expect(plain.json().KernelVersion).not.toBe('')
  })

  it.each(['/v1.11/version', '/v1.99/version'])('refuses %s with a clear message', async (path) => {
    const { status, body } = await call(engine(), 'GET', path)
    expect(status).toBe(400)
    expect(body.toString()).toMatch(/version 1\.(11|99) is too (old|new)/)
  })

  it('answers 404 with a message for a page that is not there', async () => {
    const { status, json } = await call(engine(), 'GET', '/v1.41/nothing/here')
    expect(status).toBe(404)
    expect(json().message).toBe('page not found')
  })

  it('docker version and docker info show the engine', async () => {
    const { Server } = JSON.parse(ok(await engine().docker('version', '--format', '{{json .}}')))
    expect(Server.Os).toBe('linux')
    const info = JSON.parse(ok(await engine().docker('info', '--format', '{{json .}}')))
    expect(info.OSType).toBe('linux')
    expect(info.NCPU).toBeGreaterThan(0)
    expect(info.MemTotal).toBeGreaterThan(64 * 1024 * 1024)
    expect(info.Containers).toBe(info.ContainersRunning + info.ContainersPaused + info.ContainersStopped)
  })

  it('says what is wrong with a body that is not JSON', async () => {
    const { status, json } = await call(engine(), 'POST', '/v1.41/containers/create', Buffer.from('{nope'))
    expect(status).toBe(400)
    expect(json().message).not.toBe('')
  })
})
