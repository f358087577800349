import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect, it } from 'vitest'
import { call } from '../kit/http'
import { fresh, ok, onEachMachine } from '../kit/machines'
import { freePort } from '../kit/registry'

onEachMachine('network', (engine) => {
  const docker = (...args: string[]) => engine().docker(...args)
  const httpd = 'mkdir /www; echo ok >/www/index.html; exec httpd -f -h /www'
  async function fetchText(port: number) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) })).text()
      } catch (error) {
        // The server inside may not listen yet.
        if (attempt === 20) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  it('a published port is reached from this computer, and freed again', async () => {
    const [name, port] = [fresh('web'), await freePort()]
    ok(await docker('run', '-d', '--name', name, '-p', `127.0.0.1:${port}:80`, 'busybox', 'sh', '-c', httpd))
    expect(await fetchText(port)).toBe('ok\n')
    expect(ok(await docker('port', name, '80'))).toBe(`127.0.0.1:${port}`)
    ok(await docker('rm', '-f', name))
    const listener = createServer().listen(port, '127.0.0.1')
    await once(listener, 'listening')
    listener.close()
  })

  it('chooses a port when none is given', async () => {
    const name = fresh('auto')
    ok(await docker('run', '-d', '--name', name, '-p', '127.0.0.1::80', 'busybox', 'sh', '-c', httpd))
    const port = Number(
      ok(await docker('port', name, '80'))
        .split(':')
        .at(-1),
    )
    expect(await fetchText(port)).toBe('ok\n')
    ok(await docker('rm', '-f', name))
  })

  it('a port in use fails the start with a clear error, and works once it is free', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const name = fresh('late')
    const refused = await docker(
      'run',
      '-d',
      '--name',
      name,
      '-p',
      `127.0.0.1:${port}:80`,
      'busybox',
      'sh',
      '-c',
      httpd,
    )
    expect(refused.code).toBe(125)
    expect(refused.stderr).toMatch(/port is already allocated|address already in use/)
    expect(ok(await docker('inspect', '-f', '{{.State.Running}}', name))).toBe('false')
    taken.close()
    await once(taken, 'close')
    ok(await docker('start', name))
    expect(await fetchText(port)).toBe('ok\n')
    ok(await docker('rm', '-f', name))
  })

  it('containers on the bridge reach each other by address, and none of them with --network none', async () => {
    const name = fresh('server')
    ok(await docker('run', '-d', '--name', name, 'busybox', 'sh', '-c', httpd))
    const address = ok(await docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', name))
    const get = `for i in 1 2 3 4 5; do wget -qO- http://${address}/ && exit 0; sleep 0.2; done; exit 1`
    expect(ok(await docker('run', '--rm', 'busybox', 'sh', '-c', get))).toBe('ok')
    const cut = await docker(
      'run',
      '--rm',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      `ls /sys/class/net; wget -T 2 -qO- http://${address}/`,
    )
    expect(cut.stdout).toBe('lo\n')
    expect(cut.code).not.toBe(0)
    ok(await docker('rm', '-f', name))
  })

  it('the API cannot be reached from inside a container', async () => {
    const { port, close } = await witness()
    const own = Object.values(networkInterfaces()).flatMap((list) => list!.filter(({ family }) => family === 'IPv4'))
    const hosts = ['127.0.0.1', "$(ip route | awk '/default/ {print $3}')", ...own.map(({ address }) => address)]
    // Sockets that an engine of this kind might listen on, the witness on this computer's loopback, and unix sockets.
    const probes = hosts.flatMap((host) =>
      [2375, 2376].map((p) => `nc -z -w 1 ${host} ${p} && echo reached ${host} ${p}`),
    )
    const loopback = hosts.slice(0, 2).map((host) => `nc -z -w 1 ${host} ${port} && echo reached ${host} ${port}`)
    const sockets = 'find / -xdev -type s 2>/dev/null | sed "s/^/socket /"'
    const script = [...probes, ...loopback, sockets, 'true'].join('\n')
    expect(ok(await docker('run', '--rm', 'busybox', 'sh', '-c', script))).toBe('')
    close()
  })

  it('inspects and lists the default networks', async () => {
    const names = (await call(engine(), 'GET', '/networks')).json().map(({ Name }: { Name: string }) => Name)
    expect(names).toEqual(expect.arrayContaining(['bridge', 'host', 'none']))
  })
})

/** A server on this computer's loopback that stands for any service that only the computer itself may use. */
async function witness() {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}
