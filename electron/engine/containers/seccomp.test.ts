import { describe, expect, test } from 'vitest'
import { defaultProfile, parseProfile, seccompFor, type SeccompContext } from './seccomp'

interface Rule {
  names: string[]
  action: string
  args?: { value: number }[]
}

const plain: SeccompContext = { capabilities: [], arch: 'amd64', kernel: '6.1.0' }
const rules = (context: Partial<SeccompContext>, profile = defaultProfile) =>
  seccompFor(profile, { ...plain, ...context }).syscalls as Rule[]
const allowed = (context: Partial<SeccompContext>) =>
  rules(context)
    .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && !args)
    .flatMap(({ names }) => names)

describe('the default profile', () => {
  test('refuses what no rule lets through', () => {
    expect(seccompFor(defaultProfile, plain)).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 })
    for (const name of [
      'mount',
      'reboot',
      'init_module',
      'keyctl',
      'setns',
      'io_uring_setup',
      'userfaultfd',
      'clone',
    ]) {
      expect(allowed({})).not.toContain(name)
    }
  })
  test('lets ordinary programs work', () => {
    expect(allowed({})).toEqual(expect.arrayContaining(['read', 'execve', 'openat2', 'ptrace', 'futex_waitv']))
  })
  test('lets through what a capability allows', () => {
    expect(allowed({ capabilities: ['CAP_SYS_ADMIN'] })).toEqual(expect.arrayContaining(['mount', 'clone', 'clone3']))
    expect(allowed({ capabilities: ['CAP_SYS_ADMIN'] })).not.toContain('keyctl')
    expect(allowed({ capabilities: ['CAP_SYS_TIME'] })).toContain('clock_settime')
  })
  test('clone without a new namespace is fine, clone3 is said to be missing', () => {
    const newUser = 0x10000000
    expect(rules({}).find(({ names }) => names.includes('clone'))!.args![0]!.value & newUser).toBe(newUser)
    expect(rules({}).find(({ names }) => names.includes('clone3'))).toMatchObject({ errnoRet: 38 })
  })
  test('covers the 32-bit calls of a 64-bit machine', () => {
    expect(seccompFor(defaultProfile, plain).architectures).toEqual([
      'SCMP_ARCH_X86_64',
      'SCMP_ARCH_X86',
      'SCMP_ARCH_X32',
    ])
    expect(seccompFor(defaultProfile, { ...plain, arch: '386' }).architectures).toEqual(['SCMP_ARCH_X86'])
  })
  test('has rules for one architecture alone', () => {
    expect(allowed({ arch: 'arm64' })).not.toContain('arch_prctl')
    expect(allowed({ arch: 'arm64' })).toContain('sync_file_range2')
  })
})

describe('a profile of the user', () => {
  test('is taken as it is', () => {
    const text = JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        { name: 'mkdir', action: 'SCMP_ACT_ERRNO' },
        { names: ['rmdir'], action: 'SCMP_ACT_ERRNO', includes: { minKernel: '99.0' } },
        { names: ['chmod'], action: 'SCMP_ACT_ERRNO', excludes: { caps: ['CAP_CHOWN'] } },
      ],
    })
    const names = (context: Partial<SeccompContext>) => rules(context, parseProfile(text)).flatMap((rule) => rule.names)
    expect(names({})).toEqual(['mkdir', 'chmod'])
    expect(names({ capabilities: ['CAP_CHOWN'] })).toEqual(['mkdir'])
  })
  test('that is none is refused', () => {
    expect(() => parseProfile('nonsense')).toThrow('Decoding seccomp profile failed')
    expect(() => parseProfile('{}')).toThrow('Decoding seccomp profile failed')
  })
})
