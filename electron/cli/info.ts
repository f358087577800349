import { humanBytes } from '../../shared/units'
import { defineCommand } from './command'
import { printObject } from './table'

interface Info {
  Containers: number
  ContainersRunning: number
  ContainersPaused: number
  ContainersStopped: number
  Images: number
  ServerVersion: string
  Driver: string
  DriverStatus?: [string, string][] | null
  LoggingDriver: string
  CgroupDriver: string
  CgroupVersion: string
  Plugins?: Record<string, string[] | null>
  Runtimes?: Record<string, unknown>
  DefaultRuntime: string
  InitBinary?: string
  SecurityOptions?: string[] | null
  KernelVersion: string
  OperatingSystem: string
  OSType: string
  Architecture: string
  NCPU: number
  MemTotal: number
  Name: string
  ID: string
  DockerRootDir: string
  Warnings?: string[] | null
}

function describe(info: Info): string {
  const plugins = Object.entries(info.Plugins ?? {}).filter(([, names]) => names?.length)
  return [
    'Server:',
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ` Server Version: ${info.ServerVersion}`,
    ` Storage Driver: ${info.Driver}`,
    ...(info.DriverStatus ?? []).map(([key, value]) => `  ${key}: ${value}`),
    ` Logging Driver: ${info.LoggingDriver}`,
    ` Cgroup Driver: ${info.CgroupDriver}`,
    ` Cgroup Version: ${info.CgroupVersion}`,
    ...(plugins.length ? [' Plugins:', ...plugins.map(([kind, names]) => `  ${kind}: ${names!.join(' ')}`)] : []),
    ` Runtimes: ${Object.keys(info.Runtimes ?? {}).join(' ')}`,
    ` Default Runtime: ${info.DefaultRuntime}`,
    ...(info.InitBinary ? [` Init Binary: ${info.InitBinary}`] : []),
    ...(info.SecurityOptions?.length
      ? [
          ' Security Options:',
          ...info.SecurityOptions.map((option) => `  ${option.replace(/^name=/, '').split(',')[0]}`),
        ]
      : []),
    ` Kernel Version: ${info.KernelVersion}`,
    ` Operating System: ${info.OperatingSystem}`,
    ` OSType: ${info.OSType}`,
    ` Architecture: ${info.Architecture}`,
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${humanBytes(info.MemTotal)}`,
    ` Name: ${info.Name}`,
    ` ID: ${info.ID}`,
    ` Docker Root Dir: ${info.DockerRootDir}`,
    '',
  ].join('\n')
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Display system-wide information',
  flags: { format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" } },
  args: [0, 0],
  async run({ flags, engine }) {
    const info = await engine.call<Info>('GET', '/info')
    printObject(info, flags.format, () => describe(info))
    if (!flags.format) for (const warning of info.Warnings ?? []) process.stderr.write(`${warning}\n`)
  },
})
