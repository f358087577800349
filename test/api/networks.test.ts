import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { call } from '../kit/http'
import { differs, fresh, ok, onEachMachine } from '../kit/machines'
import { freePort } from '../kit/registry'

onEachMachine('networks of users', (engine, target) => {
  const docker = (...args: string[]) => engine().docker(...args)
  const containers: string[] = []
  const networks: string[] = []
  afterEach(async () => {
    if (containers.length > 0) await docker('rm', '-f', ...containers.splice(0))
    if (networks.length > 0) await docker('network', 'rm', ...networks.splice(0))
  })

  async function network(...args: string[]): Promise<string> {
    const name = fresh('net')
    networks.push(name)
    ok(await docker('network', 'create', ...args, name))
    return name
  }
  /** A container that stays; its name. */
  async function resting(...args: string[]): Promise<string> {
    const name = fresh('c')
    containers.push(name)
    ok(await docker('run', '-d', '--name', name, ...args, 'busybox', 'sleep', '1000'))
    return name
  }
  const inside = (name: string, script: string) => docker('exec', name, 'sh', '-c', script)
  const look = async (name: string) => (await call(engine(), 'GET', `/networks/${name}`)).json()
  const address = async (container: string, net: string) =>
    ok(await docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${net}").IPAddress}}`, container))
  /** The addresses that a name has for the container, sorted. */
  async function resolve(container: string, name: string): Promise<string[]> {
    const { stdout } = await inside(container, `nslookup ${name} 127.0.0.11 | tail -n +3`)
    return [...stdout.matchAll(/^Address[^:]*: ([\d.]+)$/gm)].map(([, found]) => found!).sort()
  }

  it('is shown as it was asked for', async () => {
    const name = fresh('net')
    networks.push(name)
    const body = {
      Name: name,
      Internal: true,
      Attachable: true,
      Labels: { a: 'b' },
      Options: { 'com.example.unknown': 'kept', 'com.docker.network.driver.mtu': '1400' },
      IPAM: {
        Config: [
          {
            Subnet: '10.231.0.0/16',
            IPRange: '10.231.5.0/24',
            Gateway: '10.231.0.9',
            AuxiliaryAddresses: { router: '10.231.5.1' },
          },
        ],
      },
    }
    const made = await call(engine(), 'POST', '/networks/create', body)
    expect(made.status).toBe(201)
    expect(await look(name)).toMatchObject({
      ...body,
      Id: made.json().Id,
      Driver: 'bridge',
      Scope: 'local',
      Containers: {},
    })
    const one = await resting('--network', name)
    // The first address of the range that nobody has.
    expect(await address(one, name)).toMatch(/^10\.231\.5\.[02]$/)
    expect(ok(await inside(one, 'cat /sys/class/net/eth0/mtu'))).toBe('1400')
  })

  it('is found by filters', async () => {
    const name = await network('--label', 'k=v')
    const used = await network()
    await resting('--network', used)
    const names = async (filters: object) => {
      const answer = await call(engine(), 'GET', `/networks?filters=${encodeURIComponent(JSON.stringify(filters))}`)
      return answer.json().map(({ Name }: { Name: string }) => Name)
    }
    const { Id } = await look(name)
    expect(await names({ name: [name] })).toEqual([name])
    expect(await names({ id: [Id] })).toEqual([name])
    expect(await names({ label: ['k=v'], name: [name] })).toEqual([name])
    expect(await names({ label: ['k=w'], name: [name] })).toEqual([])
    expect(await names({ type: ['custom'] })).toEqual(expect.arrayContaining([name, used]))
    expect((await names({ type: ['builtin'] })).sort()).toEqual(['bridge', 'host', 'none'])
    expect(await names({ driver: ['host'] })).toEqual(['host'])
    const dangling = await names({ dangling: ['true'] })
    expect(dangling).toContain(name)
    // dockerd 20.10 does not count who is in it.
    if (target !== 'peer') expect(dangling).not.toContain(used)
    expect(await names({ dangling: ['false'] })).toContain('bridge')
  })

  it.each([
    [{ Name: 'bridge' }, 403, /^operation is not permitted on predefined bridge network/],
    [{ IPAM: { Config: [{ Subnet: '10.232.0.0/24' }] } }, 403, /Pool overlaps with other one on this address space/],
    [{ Driver: 'nosuch' }, 404, /nosuch/],
  ])('refuses %j', async (more, status, message) => {
    await network('--subnet', '10.232.0.0/16')
    const refused = await call(engine(), 'POST', '/networks/create', {
      Name: fresh('no'),
      CheckDuplicate: true,
      ...more,
    })
    expect(refused.status).toBe(status)
    expect(refused.json().message).toMatch(message)
  })

  it('has one name, and stays while somebody is in it', async () => {
    const name = await network()
    const again = await call(engine(), 'POST', '/networks/create', { Name: name, CheckDuplicate: true })
    expect([again.status, again.json().message]).toEqual([409, `network with name ${name} already exists`])
    const one = await resting('--network', name)
    const { Id, Containers } = await look(name)
    expect(Object.values(Containers)).toMatchObject([{ Name: one, IPv6Address: '' }])
    const refused = await call(engine(), 'DELETE', `/networks/${Id}`)
    expect([refused.status, refused.json().message]).toEqual([403, expect.stringContaining('has active endpoints')])
    expect((await call(engine(), 'DELETE', '/networks/none')).status).toBe(403)
    ok(await docker('stop', '-t', '0', one))
    expect((await look(name)).Containers).toEqual({})
  })

  it('resolves names, aliases and short ids of those who share it, and of nobody else', async () => {
    const [shared, other] = [await network(), await network()]
    const one = await resting('--network', shared, '--network-alias', 'db')
    const two = await resting('--network', shared, '--network-alias', 'db')
    const stranger = await resting('--network', other)
    const [first, second] = [await address(one, shared), await address(two, shared)]
    expect(await resolve(one, two)).toEqual([second])
    expect(await resolve(one, 'db')).toEqual([first, second].sort())
    const shortId = ok(await docker('inspect', '-f', '{{.Id}}', one)).slice(0, 12)
    expect(await resolve(two, shortId)).toEqual([first])
    expect(await resolve(two, `${one}.${shared}`)).toEqual([first])
    expect(await resolve(stranger, one)).toEqual([])
    const reverse = first.split('.').reverse().join('.')
    expect(ok(await inside(two, `nslookup -type=ptr ${reverse}.in-addr.arpa 127.0.0.11`))).toContain(`${one}.${shared}`)
    expect((await inside(stranger, `ping -c 1 -W 1 ${first}`)).code).toBe(1)
    expect(ok(await inside(one, `ping -c 1 -W 5 ${two}`))).toContain('1 packets received')
    expect(ok(await inside(one, 'cat /etc/resolv.conf'))).toMatch(/^nameserver 127\.0\.0\.11$/m)
    ok(await docker('rename', two, `${two}x`))
    containers.push(`${two}x`)
    expect(await resolve(one, `${two}x`)).toEqual([second])
  })

  it('is joined and left by a running container', async () => {
    const [first, second] = [await network(), await network('--subnet', '10.233.7.0/24')]
    const one = await resting('--network', first)
    const two = await resting('--network', second)
    ok(await docker('network', 'connect', '--ip', '10.233.7.77', '--alias', 'guest', second, one))
    expect(await address(one, second)).toBe('10.233.7.77')
    expect(await resolve(two, 'guest')).toEqual(['10.233.7.77'])
    expect(await resolve(one, two)).toEqual([await address(two, second)])
    expect(ok(await inside(one, 'cat /etc/hosts'))).toMatch(/^10\.233\.7\.77\t/m)
    expect(ok(await inside(one, "ip -o link | grep -o 'eth[0-9]' | sort -u"))).toBe('eth0\neth1')
    const again = await docker('network', 'connect', second, one)
    expect(again.stderr).toContain(`endpoint with name ${one} already exists in network ${second}`)
    ok(await docker('network', 'disconnect', first, one))
    expect(ok(await inside(one, "ip -o link | grep -o 'eth[0-9]' | sort -u"))).toBe('eth1')
    expect(ok(await inside(one, 'ip route'))).toContain('default via 10.233.7.1 dev eth1')
    expect((await docker('network', 'disconnect', first, one)).stderr).toContain('is not connected to')
    // Over a restart it is where it was put, at the address that was asked for.
    ok(await docker('restart', '-t', '0', one))
    expect(await address(one, second)).toBe('10.233.7.77')
    expect(ok(await inside(one, "ip -o link | grep -o 'eth[0-9]' | sort -u"))).toBe('eth0')
  })

  it('takes a container that rests at its next start, and frees its address meanwhile', async () => {
    const name = await network('--subnet', '10.234.7.0/24')
    const one = await resting()
    ok(await docker('stop', '-t', '0', one))
    ok(await docker('network', 'connect', '--ip', '10.234.7.7', name, one))
    const other = await resting('--network', name, '--ip', '10.234.7.7')
    const taken = await docker('start', one)
    expect(taken.stderr).toContain('Address already in use')
    ok(await docker('rm', '-f', other))
    ok(await docker('start', one))
    expect(await address(one, name)).toBe('10.234.7.7')
  })

  it('tells of itself in events', async () => {
    const name = fresh('net')
    const since = String(Math.floor(Date.now() / 1000))
    ok(await docker('network', 'create', name))
    const one = await resting('--network', name)
    ok(await docker('rm', '-f', one))
    ok(await docker('network', 'rm', name))
    const until = String(Math.ceil(Date.now() / 1000) + 1)
    const format = '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}'
    const args = ['--since', since, '--until', until, '--filter', 'type=network', '--format', format]
    const events = ok(await docker('events', ...args)).split('\n')
    expect(events.filter((event) => event.includes(name)).map((event) => event.split(' ')[0])).toEqual([
      'create',
      'connect',
      'disconnect',
      'destroy',
    ])
  })

  it('is pruned when nobody is in it', async () => {
    const label = fresh('prune')
    const [idle, used] = [await network('--label', label), await network('--label', label)]
    await resting('--network', used)
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }))
    expect((await call(engine(), 'POST', `/networks/prune?filters=${filters}`)).json()).toEqual({
      NetworksDeleted: [idle],
    })
    networks.splice(networks.indexOf(idle), 1)
  })

  it('an internal one has no way out', async () => {
    const name = await network('--internal')
    const one = await resting('--network', name)
    const two = await resting('--network', name)
    expect(ok(await inside(one, `ping -c 1 -W 5 ${two}`))).toContain('1 packets received')
    const outer = await resting()
    const outerAddress = ok(await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', outer))
    expect((await inside(one, `ping -c 1 -W 1 ${outerAddress}`)).code).not.toBe(0)
  })

  it('without icc containers do not see each other', async () => {
    const name = await network('-o', 'com.docker.network.bridge.enable_icc=false')
    const [one, two] = [await resting('--network', name), await resting('--network', name)]
    expect((await inside(one, `ping -c 1 -W 1 ${await address(two, name)}`)).code).toBe(1)
  })

  it('a link names the other container on the default bridge, and gives its variables', async () => {
    const server = await resting('-e', 'GREETING=hello', '--expose', '80')
    const client = fresh('c')
    containers.push(client)
    const script = 'cat /etc/hosts; env'
    const out = ok(await docker('run', '--name', client, '--link', `${server}:web`, 'busybox', 'sh', '-c', script))
    const ip = ok(await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', server))
    expect(out).toMatch(new RegExp(`^${ip}\tweb .*${server}$`, 'm'))
    expect(out).toContain(`WEB_PORT_80_TCP=tcp://${ip}:80\n`)
    expect(out).toContain('WEB_ENV_GREETING=hello')
    expect(out).toContain(`WEB_NAME=/${client}/web`)
  })

  it('a published UDP port is listened on while the container runs', async () => {
    const port = await freePort()
    const one = await resting('-p', `127.0.0.1:${port}:53/udp`)
    expect(ok(await docker('port', one))).toBe(`53/udp -> 127.0.0.1:${port}`)
    const bind = async () => {
      const socket = createSocket('udp4').bind(port, '127.0.0.1')
      const bound = await once(socket, 'listening').then(
        () => 'free',
        (error: NodeJS.ErrnoException) => error.code,
      )
      socket.close()
      return bound
    }
    expect(await bind()).toBe('EADDRINUSE')
    ok(await docker('stop', '-t', '0', one))
    expect(await bind()).toBe('free')
  })

  it('a published port follows the container from network to network', async () => {
    const name = await network()
    const port = await freePort()
    const script = 'mkdir /www; echo ok >/www/index.html; exec httpd -f -h /www'
    const web = fresh('web')
    containers.push(web)
    ok(await docker('run', '-d', '--name', web, '-p', `127.0.0.1:${port}:80`, 'busybox', 'sh', '-c', script))
    ok(await docker('network', 'connect', name, web))
    ok(await docker('network', 'disconnect', 'bridge', web))
    const text = async () => (await fetch(`http://127.0.0.1:${port}/`)).text()
    await expect.poll(() => text().catch(String), { timeout: 5000 }).toBe('ok\n')
    expect(ok(await docker('port', web, '80'))).toBe(`127.0.0.1:${port}`)
  })

  differs(target)('IPv6 addresses come out of a subnet of their own', async () => {
    const name = await network('--ipv6', '--subnet', 'fd5a:1::/64')
    const one = await resting('--network', name, '--ip6', 'fd5a:1::77')
    expect(ok(await inside(one, 'ip -6 addr show eth0'))).toContain('fd5a:1::77/64')
    const two = await resting('--network', name)
    expect(ok(await inside(two, `ping -6 -c 1 -W 5 ${one}`))).toContain('1 packets received')
    expect((await look(name)).EnableIPv6).toBe(true)
  })
})
