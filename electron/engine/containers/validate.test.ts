import { expect, test } from 'vitest'
import contract from '../../../resources/guest/contract.json'
import { ops } from '../../machine/contract'
import { createBody } from './config'
import { settleLimits } from './limits'
import { validate } from './validate'

const facts = { ...ops.hello.reply.parse(contract.ops.hello.reply).facts, cpus: 2, cpuList: '0-1', runtimes: ['runc'] }

function check(body: object): void {
  const { config, hostConfig } = createBody.parse(body)
  validate(config, hostConfig, facts)
  settleLimits(hostConfig, facts)
}

test('what the docker command sends for a plain run is fine', () => {
  const plain = {
    Binds: null,
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    NetworkMode: 'default',
    Isolation: '',
  }
  expect(() =>
    check({ Image: 'busybox', Cmd: null, HostConfig: plain, NetworkingConfig: { EndpointsConfig: {} } }),
  ).not.toThrow()
})

test.each([
  [{ HostConfig: { NanoCpus: 3e9 } }, 'Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ HostConfig: { Memory: 1024 } }, 'Minimum memory limit allowed is 6MB'],
  [{ HostConfig: { MemorySwap: 1 << 30 } }, 'You should always set the Memory limit when using Memoryswap limit'],
  [
    { HostConfig: { Memory: 64 << 20, MemorySwap: 32 << 20 } },
    'Minimum memoryswap limit should be larger than memory limit',
  ],
  [{ HostConfig: { CpusetCpus: '0-2' } }, 'Requested CPUs are not available - requested 0-2, available: 0-1'],
  [{ HostConfig: { CpusetCpus: 'x' } }, 'Invalid value x for cpuset cpus: invalid format: x'],
  [{ HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } }, "can't create 'AutoRemove' container"],
  [{ HostConfig: { RestartPolicy: { Name: 'often' } } }, "unknown policy 'often'"],
  [{ HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 2 } } }, "can only be used with 'on-failure'"],
  [{ WorkingDir: 'x' }, "the working directory 'x' is invalid, it needs to be an absolute path"],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [{ Hostname: 'x', HostConfig: { NetworkMode: 'container:y' } }, 'conflicting options: hostname and the network mode'],
  [
    { HostConfig: { NetworkMode: 'container:y', PublishAllPorts: true } },
    'port publishing and the container type network',
  ],
  [{ HostConfig: { ExtraHosts: ['x'] } }, 'bad format for add-host: "x"'],
  [{ HostConfig: { PortBindings: { 'x/tcp': [] } } }, 'invalid port specification: "x"'],
  [{ HostConfig: { PortBindings: { '80/http': [] } } }, 'invalid proto: http'],
  [{ HostConfig: { LogConfig: { Type: 'syslog' } } }, 'error looking up logging plugin syslog'],
  [{ HostConfig: { LogConfig: { Type: 'json-file', Config: { nosuch: 'x' } } } }, "unknown log opt 'nosuch'"],
  [{ HostConfig: { CapAdd: ['NOSUCH'] } }, 'unknown capability: "CAP_NOSUCH"'],
  [{ HostConfig: { SecurityOpt: ['nosuch=1'] } }, 'invalid --security-opt'],
  [{ HostConfig: { Runtime: 'kata' } }, 'unknown or invalid runtime name: kata'],
])('%j is refused', (body, message) => {
  expect(() => check(body)).toThrow(message)
})
