import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { MachineSettings } from '../../../shared/machine'
import { humanBytes } from '../../../shared/units'
import { MachineError, type MachineSize, type SizeName, type SizeRule } from '../../machine/machine'
import { EngineError, messageOf } from '../errors'

const count = z.number().int().min(0)

const fields = {
  cpus: count,
  memory: count,
  swap: count,
  disk: count,
  suspendAfter: count,
  suspendOnQuit: z.boolean(),
}
const defaults: MachineSettings = { cpus: 0, memory: 0, swap: 0, disk: 0, suspendAfter: 5, suspendOnQuit: false }

/** A body of POST /berth/machine/set. */
export const settingsChange = z.strictObject(fields).partial()

export const sizeNames: readonly SizeName[] = ['cpus', 'memory', 'swap', 'disk']

/**
 * The settings of one driver's machine, in `machine.json` of its folder; what is left out there has its default. Throws a
 * MachineError that names the file where it cannot be used.
 */
export async function readMachineSettings(dir: string): Promise<MachineSettings> {
  const file = join(dir, 'machine.json')
  try {
    return { ...defaults, ...settingsChange.parse(JSON.parse(await readFile(file, 'utf8'))) } as MachineSettings
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return defaults
    throw new MachineError(
      'files',
      `The machine's settings in ${file} cannot be used: ${messageOf(error)}`,
      'Correct the file or remove it, then start again.',
    )
  }
}

/** Replaces the file as a whole. */
export async function writeMachineSettings(dir: string, settings: MachineSettings): Promise<void> {
  const file = join(dir, 'machine.json')
  await writeFile(`${file}.new`, JSON.stringify(settings, null, 2) + '\n', { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/**
 * The settings with the change made. Throws 'invalid' for what this driver cannot give, with what it can.
 */
export function changed(
  settings: MachineSettings,
  asked: z.infer<typeof settingsChange>,
  rules: Record<SizeName, SizeRule>,
): MachineSettings {
  for (const name of sizeNames) {
    const value = asked[name]
    if (value === undefined || value === settings[name]) continue
    const { change: how, min, max } = rules[name]
    if (typeof how === 'object') throw new EngineError('invalid', `${name} cannot be set: ${how.never}`)
    // 0 leaves it to the driver.
    if (value === 0) continue
    const show = (n: number) => (name === 'cpus' ? String(n) : humanBytes(n))
    if (value < min || value > max)
      throw new EngineError('invalid', `${name} can be ${show(min)} to ${show(max)} here, not ${show(value)}`)
  }
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  return { ...settings, ...Object.fromEntries(given) }
}

/** What the machine is given: the settings, and the driver's own choice where they leave it to it. */
export function sizeOf(settings: MachineSettings, rules: Record<SizeName, SizeRule>): MachineSize {
  const of = (name: SizeName) => settings[name] || rules[name].default
  return { cpus: of('cpus'), memory: of('memory'), swap: of('swap'), disk: of('disk') }
}
