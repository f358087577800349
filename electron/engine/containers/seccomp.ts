import { z } from 'zod'
import { atLeast } from '../../../shared/versions'
import { EngineError } from '../errors'
import defaults from './seccomp.json'

const condition = z.object({
  caps: z.array(z.string()).nullish(),
  arches: z.array(z.string()).nullish(),
  minKernel: z.string().nullish(),
})

const rule = z.object({
  name: z.string().nullish(),
  names: z.array(z.string()).nullish(),
  action: z.string(),
  errnoRet: z.number().nullish(),
  args: z
    .array(z.object({ index: z.number(), value: z.number(), valueTwo: z.number().nullish(), op: z.string() }))
    .nullish(),
  includes: condition.nullish(),
  excludes: condition.nullish(),
})

/** Docker's form of a profile (--security-opt seccomp=FILE): rules may depend on capability, architecture and kernel. */
const profile = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.number().nullish(),
  architectures: z.array(z.string()).nullish(),
  archMap: z.array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullish() })).nullish(),
  listenerPath: z.string().nullish(),
  listenerMetadata: z.string().nullish(),
  flags: z.array(z.string()).nullish(),
  syscalls: z.array(rule).nullish(),
})

export type SeccompProfile = z.infer<typeof profile>

/** By Go's name: what seccomp calls the architecture, and what profiles do. */
const native: Record<string, { seccomp: string; short: string }> = {
  amd64: { seccomp: 'SCMP_ARCH_X86_64', short: 'amd64' },
  '386': { seccomp: 'SCMP_ARCH_X86', short: 'x86' },
  arm64: { seccomp: 'SCMP_ARCH_AARCH64', short: 'arm64' },
}

/** Docker's default profile (seccomp.json). */
export const defaultProfile: SeccompProfile = profile.parse(defaults)

/** Reads a profile. Throws 'invalid' for what is none. */
export function parseProfile(text: string): SeccompProfile {
  try {
    return profile.parse(JSON.parse(text))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new EngineError('invalid', `Decoding seccomp profile failed: ${reason}`)
  }
}

/** What the rules of a profile may ask about: the container's capabilities, and the machine. */
export interface SeccompContext {
  capabilities: readonly string[]
  /** Go's name. */
  arch: string
  /** The kernel's release, e.g. `6.1.0-50-686`. */
  kernel: string
}

/** `linux.seccomp` of the OCI spec for a container. Throws 'invalid' for a profile that contradicts itself. */
export function seccompFor(wanted: SeccompProfile, context: SeccompContext): Record<string, unknown> {
  const arch = native[context.arch]
  const { architectures, archMap, syscalls } = wanted
  if (architectures?.length && archMap?.length) {
    throw new EngineError('invalid', "both 'architectures' and 'archMap' are specified in the seccomp profile")
  }
  const mapped = archMap?.find(({ architecture }) => architecture === arch?.seccomp)
  const listed = mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : (architectures ?? [])
  return {
    defaultAction: wanted.defaultAction,
    ...(wanted.defaultErrnoRet != null ? { defaultErrnoRet: wanted.defaultErrnoRet } : {}),
    ...(listed.length > 0 ? { architectures: listed } : {}),
    ...(wanted.flags ? { flags: wanted.flags } : {}),
    ...(wanted.listenerPath ? { listenerPath: wanted.listenerPath } : {}),
    ...(wanted.listenerMetadata ? { listenerMetadata: wanted.listenerMetadata } : {}),
    syscalls: (syscalls ?? [])
      .filter(({ includes, excludes }) => meetsAll(includes, context) && !meetsAny(excludes, context))
      .map(({ name, names, action, errnoRet, args }) => {
        if (name && names?.length) {
          throw new EngineError('invalid', "both 'name' and 'names' are specified in the seccomp profile")
        }
        return {
          names: name ? [name] : (names ?? []),
          action,
          ...(errnoRet != null ? { errnoRet } : {}),
          ...(args?.length ? { args: args.map(({ valueTwo, ...arg }) => ({ ...arg, valueTwo: valueTwo ?? 0 })) } : {}),
        }
      }),
  }
}

type Condition = z.infer<typeof condition>

function meetsAll(includes: Condition | null | undefined, context: SeccompContext): boolean {
  const { caps, arches, minKernel } = includes ?? {}
  return (
    (!arches?.length || arches.includes(native[context.arch]?.short ?? context.arch)) &&
    (caps ?? []).every((name) => context.capabilities.includes(name)) &&
    (!minKernel || atLeast(context.kernel, minKernel))
  )
}

function meetsAny(excludes: Condition | null | undefined, context: SeccompContext): boolean {
  const { caps, arches, minKernel } = excludes ?? {}
  return (
    (arches ?? []).includes(native[context.arch]?.short ?? context.arch) ||
    (caps ?? []).some((name) => context.capabilities.includes(name)) ||
    (!!minKernel && atLeast(context.kernel, minKernel))
  )
}
