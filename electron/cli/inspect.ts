import { EngineError } from './client'
import { defineCommand } from './command'
import { compileTemplate, goJson } from './template'

const paths: Record<string, (name: string) => string> = {
  container: (name) => `/containers/${name}/json`,
  image: (name) => `/images/${name}/json`,
  network: (name) => `/networks/${name}`,
  volume: (name) => `/volumes/${name}`,
}

export const command = defineCommand({
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Return low-level information on containers, images, networks and volumes',
  flags: {
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
    size: { kind: 'bool', short: 's', help: 'Display total file sizes if the type is container' },
    type: { kind: 'string', help: 'Only inspect objects of the given type' },
  },
  args: [1, Infinity],
  async run({ flags, args, engine }) {
    if (flags.type && !paths[flags.type]) throw new Error(`"${flags.type}" is not a valid value for --type`)
    const render = flags.format && flags.format !== 'json' ? compileTemplate(flags.format) : undefined
    const find = async (name: string) => {
      for (const path of flags.type ? [paths[flags.type]!] : Object.values(paths)) {
        try {
          return await engine.call('GET', path(name), { query: { size: flags.size } })
        } catch (error) {
          if (flags.type || !(error instanceof EngineError) || error.status !== 404) throw error
        }
      }
      throw new Error(`Error: No such object: ${name}`)
    }
    const found: unknown[] = []
    const errors: string[] = []
    for (const name of args) {
      try {
        found.push(await find(name))
      } catch (error) {
        errors.push((error as Error).message)
      }
    }
    if (render) process.stdout.write(found.map((object) => `${render(object)}\n`).join(''))
    else process.stdout.write(`${flags.format === 'json' ? goJson(found) : JSON.stringify(found, null, 4)}\n`)
    if (errors.length) throw new Error(errors.join('\n'))
  },
})
