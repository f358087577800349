import { EngineError } from '../errors'

export interface SecurityOptions {
  noNewPrivileges: boolean
  /** False with seccomp=unconfined. */
  seccomp: boolean
  /** False with systempaths=unconfined: nothing of /proc and /sys is hidden. */
  maskedPaths: boolean
}

/** Reads --security-opt. Throws 'invalid' for an unknown option and 'unsupported' for what this engine can't do. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  const found: SecurityOptions = { noNewPrivileges: false, seccomp: true, maskedPaths: true }
  for (const option of options) {
    const [, name = '', value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? []
    if (name === 'no-new-privileges') found.noNewPrivileges = value === undefined || value === 'true'
    else if (name === 'seccomp' && value === 'unconfined') found.seccomp = false
    else if (name === 'systempaths' && value === 'unconfined') found.maskedPaths = false
    else if (name === 'apparmor' && value === 'unconfined') continue
    else if (name === 'label' && value === 'disable') continue
    else if (['seccomp', 'apparmor', 'label'].includes(name) && value && !(name === 'seccomp' && value === 'builtin')) {
      throw new EngineError('unsupported', `the security option ${name}=${value.slice(0, 40)} is not available yet`)
    } else if (!(name === 'seccomp' && value === 'builtin')) {
      throw new EngineError('invalid', `invalid --security-opt 1: "${option}"`)
    }
  }
  return found
}
