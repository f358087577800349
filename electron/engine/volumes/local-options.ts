import { EngineError } from '../errors'

/** What mount(8) is told for a volume of the local driver with options. */
export interface VolumeMount {
  type: string
  device: string
  /** Comma-separated, as after `-o`. */
  o: string
}

const valid = ['type', 'o', 'device', 'size']
/** Each option with those that must come with it. */
const needs: Record<string, string[]> = { device: ['type'], type: ['device'], o: ['device', 'type'] }

/** Checks the local driver's options for a volume of that name. Throws 'invalid' in Docker's words. */
export function checkOptions(volume: string, options: Record<string, string>): void {
  const bad = (reason: string) => new EngineError('invalid', `create ${volume}: ${reason}`)
  for (const name of Object.keys(options)) if (!valid.includes(name)) throw bad(`invalid option: "${name}"`)
  for (const [name, others] of Object.entries(needs)) {
    const missing = name in options && others.find((other) => !(other in options))
    if (missing) throw bad(`missing required option: "${missing}"`)
  }
  if ('size' in options) throw bad('quota size requested but no quota support')
}

/** The mount that the options ask for, undefined for none: then the volume is a plain folder. */
export function mountOf(options: Record<string, string>): VolumeMount | undefined {
  if (!options.device) return undefined
  return { type: options.type ?? '', device: options.device, o: options.o ?? '' }
}
