import { describe, expect, test } from 'vitest'
import { seccompFor } from './seccomp'

const denied = (capabilities: string[]) => seccompFor(capabilities, 'amd64')!.syscalls.flatMap(({ names }) => names)

describe('the default profile', () => {
  test('denies what touches the whole machine', () => {
    expect(denied([])).toEqual(expect.arrayContaining(['mount', 'reboot', 'init_module', 'keyctl', 'clone3', 'setns']))
  })
  test('lets through what a capability allows', () => {
    expect(denied(['CAP_SYS_ADMIN'])).not.toContain('mount')
    expect(denied(['CAP_SYS_ADMIN'])).not.toContain('clone')
    expect(denied(['CAP_SYS_ADMIN'])).toContain('keyctl')
  })
  test('denies clone for each flag that makes a namespace, and only with it', () => {
    const rules = seccompFor([], 'amd64')!.syscalls.filter(({ names }) => names.includes('clone'))
    const newUser = 0x10000000
    expect(rules.map(({ args }) => args![0]!.value)).toContain(newUser)
    expect(rules.every(({ args }) => args![0]!.value === args![0]!.valueTwo)).toBe(true)
  })
  test('covers the 32-bit calls of a 64-bit machine', () => {
    expect(seccompFor([], 'amd64')!.architectures).toContain('SCMP_ARCH_X86')
  })
  test('knows the architectures that machines have', () => {
    expect(seccompFor([], '386')).toBeDefined()
    expect(seccompFor([], 'arm64')).toBeDefined()
    expect(seccompFor([], 's390x')).toBeUndefined()
  })
})
