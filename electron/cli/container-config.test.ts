import { describe, expect, it } from 'vitest'
import { containerConfig } from './container-config'
import { containerFlags } from './container-flags'
import { parseFlags } from './flags'

const files: Record<string, string> = {
  '/env': '# comment\n\nA=1\n  B=two words\r\nHOME\nGONE\n',
  '/labels': 'x=1\ny\n',
}
const around = { env: { HOME: '/home/ann' }, cwd: '/here', readText: (path: string) => files[path] ?? '' }

function configOf(...argv: string[]) {
  const { flags, args } = parseFlags(containerFlags, argv, true)
  return containerConfig(flags, args, around)
}
/** As it goes over the wire: what is undefined is left out. */
const sent = (...argv: string[]) => JSON.parse(JSON.stringify(configOf(...argv)))

describe('containerConfig', () => {
  it('sets little for a bare run', () => {
    expect(sent('busybox')).toEqual({
      Image: 'busybox',
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: [],
      Labels: {},
      ExposedPorts: {},
      Volumes: {},
      HostConfig: {
        AutoRemove: false,
        Binds: [],
        CapAdd: [],
        CapDrop: [],
        Devices: [],
        Dns: [],
        DnsOptions: [],
        DnsSearch: [],
        ExtraHosts: [],
        GroupAdd: [],
        Mounts: [],
        NetworkMode: 'default',
        PortBindings: {},
        Privileged: false,
        PublishAllPorts: false,
        ReadonlyRootfs: false,
        RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
        SecurityOpt: [],
        Sysctls: {},
        Tmpfs: {},
        Ulimits: [],
        VolumesFrom: [],
      },
      NetworkingConfig: { EndpointsConfig: {} },
    })
  })

  it('gives everything after the image to the container', () => {
    expect(sent('-it', 'busybox', 'sh', '-c', 'echo -e hi', '--rm')).toMatchObject({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'echo -e hi', '--rm'],
      AttachStdin: true,
      Tty: true,
      OpenStdin: true,
      StdinOnce: true,
      HostConfig: { AutoRemove: false },
    })
  })

  it('leaves stdin open for later when nobody is attached at first', () => {
    const { flags, args } = parseFlags(containerFlags, ['-i', 'img'], true)
    expect(containerConfig({ ...flags, detach: true }, args, around)).toMatchObject({
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      OpenStdin: true,
      StdinOnce: false,
    })
  })

  it('reads environment and labels from files first', () => {
    const config = sent('--env-file', '/env', '-e', 'A=2', '-eC=', '--label-file=/labels', '-l', 'z=a=b', 'img')
    expect(config.Env).toEqual(['A=1', 'B=two words', 'HOME=/home/ann', 'A=2', 'C='])
    expect(config.Labels).toEqual({ x: '1', y: '', z: 'a=b' })
  })

  it('publishes and exposes ports', () => {
    const config = sent('-p8080:80', '-p', '127.0.0.1::443', '--expose', '90-91/udp', 'img')
    expect(config.ExposedPorts).toEqual({ '80/tcp': {}, '443/tcp': {}, '90/udp': {}, '91/udp': {} })
    expect(config.HostConfig.PortBindings).toEqual({
      '80/tcp': [{ HostIp: '', HostPort: '8080' }],
      '443/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
    })
  })

  it('tells anonymous volumes, named ones and binds apart', () => {
    const config = sent('-v', '/anon', '-v', 'data:/d:ro', '-v', './rel:/r', '-v', '/abs:/a:ro,z', 'img')
    expect(config.Volumes).toEqual({ '/anon': {} })
    expect(config.HostConfig.Binds).toEqual(['data:/d:ro', '/here/rel:/r', '/abs:/a:ro,z'])
  })

  it('reads --mount', () => {
    const { Mounts } = sent(
      ...['--mount', 'type=bind,source=./x,target=/b,readonly,bind-propagation=rslave'],
      ...['--mount', 'src=data,dst=/v,volume-nocopy,volume-label=a=b'],
      ...['--mount', 'type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770', 'img'],
    ).HostConfig
    expect(Mounts).toEqual([
      {
        Type: 'bind',
        Source: '/here/x',
        Target: '/b',
        ReadOnly: true,
        BindOptions: { Propagation: 'rslave', CreateMountpoint: false },
      },
      {
        Type: 'volume',
        Source: 'data',
        Target: '/v',
        ReadOnly: false,
        VolumeOptions: { NoCopy: true, Labels: { a: 'b' } },
      },
      { Type: 'tmpfs', Target: '/t', ReadOnly: false, TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 } },
    ])
  })

  it('reads limits', () => {
    const { HostConfig } = sent(
      ...['-m', '512m', '--memory-swap=-1', '--cpus', '1.5', '--pids-limit', '100', '--shm-size=64k'],
      ...['--ulimit', 'nofile=1024:2048', '--ulimit', 'core=0', '--restart', 'on-failure:3', 'img'],
    )
    expect(HostConfig).toMatchObject({
      Memory: 536870912,
      MemorySwap: -1,
      NanoCpus: 1500000000,
      PidsLimit: 100,
      ShmSize: 65536,
      Ulimits: [
        { Name: 'nofile', Soft: 1024, Hard: 2048 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    })
  })

  it('reads networks', () => {
    expect(sent('--network', 'none', 'img')).toMatchObject({
      HostConfig: { NetworkMode: 'none' },
      NetworkingConfig: { EndpointsConfig: {} },
    })
    expect(sent('--net', 'mine', '--network-alias', 'db', '--ip', '10.0.0.9', 'img')).toMatchObject({
      HostConfig: { NetworkMode: 'mine' },
      NetworkingConfig: { EndpointsConfig: { mine: { Aliases: ['db'], IPAMConfig: { IPv4Address: '10.0.0.9' } } } },
    })
  })

  it('reads devices, tmpfs, entrypoint and health checks', () => {
    const config = sent(
      ...[
        '--device',
        '/dev/fuse',
        '--device=/dev/a:/dev/b:r',
        '--device',
        '/dev/c:rw',
        '--tmpfs',
        '/t:size=1m',
        '--tmpfs=/u',
      ],
      ...['--entrypoint', '', '--health-cmd', 'true', '--health-interval=1m30s', 'img'],
    )
    expect(config.HostConfig.Devices).toEqual([
      { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
      { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
      { PathOnHost: '/dev/c', PathInContainer: '/dev/c', CgroupPermissions: 'rw' },
    ])
    expect(config.HostConfig.Tmpfs).toEqual({ '/t': 'size=1m', '/u': '' })
    expect(config.Entrypoint).toEqual([''])
    expect(config.Healthcheck).toEqual({ Test: ['CMD-SHELL', 'true'], Interval: 90e9 })
  })

  it.each([
    [['-e', '=x'], 'invalid environment variable: =x'],
    [['-p', '99999:80'], 'invalid port range: 99999'],
    [['-p', '80:81-82'], 'invalid ranges specified'],
    [['-v', 'a:b:c:d'], 'invalid spec: a:b:c:d'],
    [['-m', 'lots'], "invalid size: 'lots'"],
    [['--cpus', 'many'], 'invalid argument "many" for "--cpus" flag'],
    [['--ulimit', 'nofile'], 'invalid ulimit argument: nofile'],
    [['--mount', 'type=bind,dst=/x'], 'source is required'],
    [['--mount', 'type=bind,src=/x'], 'target is required'],
    [['--mount', 'src=a,dst=/x,colour=red'], "unexpected key 'colour'"],
    [['--rm', '--restart=always'], 'cannot specify both --restart and --rm'],
    [['--network-alias', 'x'], 'only for containers in user defined networks'],
  ])('refuses %j', (argv, message) => {
    expect(() => configOf(...argv, 'img')).toThrow(message)
  })
})
