import profile from './seccomp.json'

interface Denied {
  names: string[]
  unless?: string
  flags?: number[]
  errno?: number
}

interface SyscallRule {
  names: string[]
  action: 'SCMP_ACT_ERRNO'
  errnoRet: number
  args?: { index: number; value: number; valueTwo: number; op: 'SCMP_CMP_MASKED_EQ' }[]
}

export interface Seccomp {
  defaultAction: 'SCMP_ACT_ALLOW'
  architectures: string[]
  syscalls: SyscallRule[]
}

/**
 * `linux.seccomp` of the OCI spec: the default profile (seccomp.json) for a container with these capabilities on a
 * machine of this architecture (Go's name). Undefined where the profile does not know the architecture.
 */
export function seccompFor(capabilities: readonly string[], arch: string): Seccomp | undefined {
  const architectures = (profile.architectures as Record<string, string[]>)[arch]
  if (!architectures) return undefined
  const denied = (profile.denied as Denied[]).filter(({ unless }) => !unless || !capabilities.includes(unless))
  return { defaultAction: 'SCMP_ACT_ALLOW', architectures, syscalls: denied.flatMap(rulesOf) }
}

function rulesOf({ names, flags, errno = 1 }: Denied): SyscallRule[] {
  const rule = { names, action: 'SCMP_ACT_ERRNO' as const, errnoRet: errno }
  if (!flags) return [rule]
  return flags.map((bit) => ({ ...rule, args: [{ index: 0, value: bit, valueTwo: bit, op: 'SCMP_CMP_MASKED_EQ' }] }))
}
