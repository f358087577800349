import { describe, expect, it } from 'vitest'
import { canonicalName, familiarName, familiarRepository, parseReference, withDefaultTag } from './reference'

const digest = `sha256:${'ab'.repeat(32)}`

describe('parseReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['ann/app', 'docker.io/ann/app:latest', 'ann/app:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['docker.io/library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/x/app:v1', '127.0.0.1:5000/x/app:v1', '127.0.0.1:5000/x/app:v1'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    ['Registry/app', 'Registry/app:latest', 'Registry/app:latest'],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest', 'a__b/c-d.e:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
  ])('%s', (text, canonical, familiar) => {
    const reference = withDefaultTag(parseReference(text))
    expect(canonicalName(reference)).toBe(canonical)
    expect(familiarName(reference)).toBe(familiar)
    expect(parseReference(canonical)).toEqual(reference)
  })

  it.each([
    ['', 'invalid reference format'],
    ['busybox:', 'invalid reference format'],
    ['busybox@sha256:ab', 'invalid reference format'],
    ['-busybox', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['a..b', 'invalid reference format'],
    ['../etc', 'invalid reference format'],
    [`busybox:${'x'.repeat(129)}`, 'invalid reference format'],
    ['BusyBox', 'invalid reference format: repository name (library/BusyBox) must be lowercase'],
    ['ab'.repeat(32), 'cannot specify 64-byte hexadecimal strings'],
    [`a/${'b'.repeat(260)}`, 'repository name must not be more than 255 characters'],
  ])('refuses %j', (text, message) => {
    expect(() => parseReference(text)).toThrow(message)
  })

  it('shows a repository in short', () => {
    expect(familiarRepository(parseReference('docker.io/library/busybox:1'))).toBe('busybox')
  })
})
