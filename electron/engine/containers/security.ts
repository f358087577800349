import { EngineError } from '../errors'
import { defaultProfile, parseProfile, type SeccompProfile } from './seccomp'

export interface SecurityOptions {
  noNewPrivileges: boolean
  /** Undefined with seccomp=unconfined. */
  seccomp: SeccompProfile | undefined
  /** False with systempaths=unconfined: nothing of /proc and /sys is hidden. */
  maskedPaths: boolean
  /** The cgroup file system can be written to. */
  writableCgroups: boolean
  /** An AppArmor profile's name, '' where none is asked for. */
  apparmor: string
}

/** Reads --security-opt. Throws 'invalid' for an unknown option, in Docker's words. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  const found: SecurityOptions = {
    noNewPrivileges: false,
    seccomp: defaultProfile,
    maskedPaths: true,
    writableCgroups: false,
    apparmor: '',
  }
  for (const option of options) {
    const [, name = '', value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? []
    if (option === 'no-new-privileges') found.noNewPrivileges = true
    else if (option === 'disable') continue
    else if (value === undefined) throw new EngineError('invalid', `invalid --security-opt 1: "${option}"`)
    else if (name === 'no-new-privileges') found.noNewPrivileges = boolean(value, option)
    else if (name === 'writable-cgroups') found.writableCgroups = boolean(value, option)
    else if (name === 'seccomp') found.seccomp = seccompOf(value)
    else if (name === 'systempaths' && value === 'unconfined') found.maskedPaths = false
    else if (name === 'apparmor') found.apparmor = value
    // SELinux labels mean nothing on a guest without it, as on dockerd's without --selinux-enabled.
    else if (name !== 'label') throw new EngineError('invalid', `invalid --security-opt 2: "${option}"`)
  }
  return found
}

/** Go's ParseBool. */
function boolean(text: string, option: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw new EngineError('invalid', `invalid --security-opt 2: "${option}"`)
}

function seccompOf(value: string): SeccompProfile | undefined {
  if (value === 'unconfined') return undefined
  return value === 'builtin' ? defaultProfile : parseProfile(value)
}
