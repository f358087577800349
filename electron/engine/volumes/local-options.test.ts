import { expect, test } from 'vitest'
import { checkOptions, mountOf } from './local-options'

test.each([
  [{ nosuch: '1' }, 'create v: invalid option: "nosuch"'],
  [{ type: 'tmpfs' }, 'create v: missing required option: "device"'],
  [{ o: 'bind' }, 'create v: missing required option: "device"'],
  [{ size: '1m' }, 'create v: quota size requested but no quota support'],
])('%j is refused', (options, message) => {
  expect(() => checkOptions('v', options as Record<string, string>)).toThrow(message)
})

test('a device makes a mount, nothing makes a plain folder', () => {
  expect(mountOf({})).toBeUndefined()
  expect(mountOf({ type: 'tmpfs', device: 'tmpfs' })).toEqual({ type: 'tmpfs', device: 'tmpfs', o: '' })
})
