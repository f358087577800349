import { berthVersion, maxApiVersion } from '../../shared/version'
import { ConnectionError } from './client'
import { defineCommand, Exit } from './command'
import { printObject } from './table'

interface Server {
  Version: string
  ApiVersion: string
  MinAPIVersion: string
  Os: string
  Arch: string
  KernelVersion?: string
  Components?: { Name: string; Version: string; Details?: Record<string, string> }[]
}

const lines = (indent: number, entries: Record<string, string | undefined>) =>
  Object.entries(entries)
    .filter(([, value]) => value)
    .map(([key, value]) => `${' '.repeat(indent)}${`${key}:`.padEnd(19 - indent)}${value}\n`)
    .join('')

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show the version of the CLI and the engine',
  flags: { format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" } },
  args: [0, 0],
  async run({ flags, engine }) {
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch === 'ia32' ? '386' : process.arch
    const system = process.platform === 'win32' ? 'windows' : process.platform
    let failure: ConnectionError | undefined
    const server = await engine.call<Server>('GET', '/version').catch((error: unknown) => {
      if (!(error instanceof ConnectionError)) throw error
      failure = error
      return undefined
    })
    const Client = {
      Version: berthVersion,
      ApiVersion: server ? await engine.version() : maxApiVersion,
      DefaultAPIVersion: maxApiVersion,
      Os: system,
      Arch: architecture,
    }
    printObject({ Client, Server: server ?? null }, flags.format, () => {
      const client = { Version: berthVersion, 'API version': Client.ApiVersion, 'OS/Arch': `${system}/${architecture}` }
      if (!server) return `Client: Berth\n${lines(1, client)}`
      const [, ...components] = server.Components ?? []
      return (
        `Client: Berth\n${lines(1, client)}\nServer:\n Engine:\n` +
        lines(2, {
          Version: server.Version,
          'API version': `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`,
          'OS/Arch': `${server.Os}/${server.Arch}`,
          Kernel: server.KernelVersion,
        }) +
        components.map(({ Name, Version }) => ` ${Name}:\n${lines(2, { Version })}`).join('')
      )
    })
    if (failure) throw new Exit(1, failure.message)
  },
})
