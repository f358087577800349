import { EngineError } from '../errors'

/** What an image is made for, in OCI's (Go's) words: linux/amd64, linux/arm/v7. */
export interface Platform {
  os: string
  architecture: string
  variant?: string
}

const architectures = ['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips64le', 'ppc64le', 'riscv64', 's390x']
const systems = ['linux', 'windows', 'darwin', 'freebsd']
const synonyms: Record<string, Omit<Platform, 'os'>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  i386: { architecture: '386' },
  i686: { architecture: '386' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
}

/** Reads `linux/arm/v7`, `linux/386`, `arm64` or `linux`; what is left out is this machine's. Throws kind 'invalid'. */
export function parsePlatform(text: string, machineArchitecture: string): Platform {
  const parts = text.toLowerCase().split('/')
  const [os, architecture, variant] =
    parts.length > 1 ? parts : systems.includes(text) ? [text, machineArchitecture] : ['linux', text]
  const known = synonyms[architecture!] ?? { architecture: architecture! }
  if (parts.length > 3 || !systems.includes(os!) || !architectures.includes(known.architecture))
    throw new EngineError('invalid', `"${text}": unknown operating system or architecture: invalid argument`)
  return normalise({ os: os!, ...known, ...(variant ? { variant } : {}) })
}

/** The platform that somebody asked for, or without a word this machine's. Throws kind 'invalid'. */
export const askedPlatform = (machineArchitecture: string, text?: string): Platform =>
  text ? parsePlatform(text, machineArchitecture) : { os: 'linux', architecture: machineArchitecture }

/** Variants that go without saying are left out, so that equal platforms look equal. */
function normalise({ os, architecture, variant }: Platform): Platform {
  const implied = architecture === 'arm64' ? 'v8' : architecture === 'amd64' ? 'v1' : ''
  if (architecture === 'arm') return { os, architecture, variant: variant || 'v7' }
  return variant && variant !== implied ? { os, architecture, variant } : { os, architecture }
}

export const platformName = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join('/')

/** What runs where `platform` runs, best first: amd64 also runs 386, arm64 also arm, and newer arm the older ones. */
function runnable(platform: Platform): Platform[] {
  const { os, architecture, variant = '' } = normalise(platform)
  const arm = (newest: number) =>
    [8, 7, 6, 5]
      .filter((version) => version <= newest)
      .map((version) => ({ os, architecture: 'arm', variant: `v${version}` }))
  switch (architecture) {
    case 'amd64':
      return [
        { os, architecture },
        { os, architecture: '386' },
      ]
    case 'arm64':
      return [{ os, architecture }, ...arm(8)]
    case 'arm':
      return arm(Number(variant.slice(1)))
    default:
      return [{ os, architecture }]
  }
}

/** How well `candidate` suits `wanted`: 0 is best, -1 not at all. */
function rank(wanted: Platform, candidate: Platform): number {
  const name = platformName(normalise(candidate))
  const order = runnable(wanted).map(platformName)
  const exact = order.indexOf(name)
  if (exact >= 0) return exact
  // A variant that we have no rule for (amd64/v2) may run; it comes after all that surely do.
  return candidate.architecture === wanted.architecture && candidate.os === wanted.os && wanted.architecture === 'amd64'
    ? order.length
    : -1
}

/** Whether a machine of platform `machine` can run images of `image`. */
export const canRun = (machine: Platform, image: Platform): boolean => rank(machine, image) >= 0

/** Whether an image is what `wanted` names: its very platform, or of the same processor family an older variant. */
export const isPlatform = (wanted: Platform, image: Platform): boolean =>
  wanted.architecture === image.architecture && canRun(wanted, image)

/** The candidate that suits `wanted` best; among equals the first. Undefined when none runs there. */
export function bestFor<T>(
  wanted: Platform,
  candidates: readonly T[],
  platformOf: (candidate: T) => Platform,
): T | undefined {
  return candidates
    .map((candidate) => ({ candidate, rank: rank(wanted, platformOf(candidate)) }))
    .filter((entry) => entry.rank >= 0)
    .sort((a, b) => a.rank - b.rank)[0]?.candidate
}
