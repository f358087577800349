import type { ContainerInspectInfo, ImageInspectInfo } from 'dockerode'
import { expect, test } from 'vitest'
import { dockerRun, shellQuote } from './docker-run'

const image = {
  Config: { Env: ['PATH=/bin'], Cmd: ['nginx'], Entrypoint: ['/entry'], WorkingDir: '/', Labels: { a: '1' } },
} as unknown as ImageInspectInfo

const container = (config: object, host: object) =>
  ({
    Id: 'abcdef1234567890',
    Name: '/web',
    Config: { Hostname: 'abcdef123456', Image: 'nginx', Env: ['PATH=/bin'], Cmd: ['nginx'], Entrypoint: ['/entry'], WorkingDir: '/', Labels: { a: '1' }, ...config }, // prettier-ignore
    HostConfig: { NetworkMode: 'default', RestartPolicy: { Name: 'no' }, ...host },
  }) as unknown as ContainerInspectInfo

test('what the image gives is not said again', () => {
  expect(dockerRun(container({}, {}), image)).toBe('docker run \\\n  -d \\\n  --name web \\\n  nginx')
})

test('what is its own is said, quoted', () => {
  const text = dockerRun(
    container(
      { Env: ['PATH=/bin', "MOTTO=it's fine"], Cmd: ['sh', '-c', 'echo $HOME'], Labels: { a: '1', b: '2' } },
      {
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }], '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }] }, // prettier-ignore
        Binds: ['data:/data:ro'],
        NetworkMode: 'backend',
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        Memory: 67108864,
        NanoCpus: 1.5e9,
      },
    ),
    image,
  )
  for (const part of [
    `-e 'MOTTO=it'\\''s fine'`,
    '-p 8080:80',
    '-p 127.0.0.1:53:53/udp',
    '-v data:/data:ro',
    '--network backend',
    '--restart on-failure:3',
    '-m 67108864',
    '--cpus 1.5',
    '-l b=2',
    `nginx sh -c 'echo $HOME'`,
  ])
    expect(text).toContain(part)
  expect(text).not.toContain('PATH')
})

test('another entrypoint brings its words and the command with it', () => {
  const text = dockerRun(container({ Entrypoint: ['sleep', '1'], Cmd: ['2'] }, {}), image)
  expect(text).toContain('--entrypoint sleep')
  expect(text.endsWith('nginx 1 2')).toBe(true)
})

test('quoting', () => expect(['a-b', 'a b', '', 'a$b'].map(shellQuote)).toEqual(['a-b', `'a b'`, `''`, `'a$b'`]))
