import { expect, it, vi } from 'vitest'
import { redact } from './diagnostics'

vi.mock('electron', () => ({ app: { getPath: () => '', getAppPath: () => '', isPackaged: false } }))

it('takes out passwords, tokens and names', () => {
  const text = [
    '"http-proxy": "http://anna:salt@proxy.example:3128"',
    '"password": "salt", "IdentityToken": "abc.def"',
    'authorization: Bearer xyz',
    '/home/anna/projects on annas-mac, by anna',
  ].join('\n')
  const clean = redact(text, { home: '/home/anna', user: 'anna', host: 'annas-mac' })
  for (const word of ['salt', 'abc.def', 'xyz', 'annas-mac', 'by anna']) expect(clean).not.toContain(word)
  expect(clean).toContain('http://REDACTED@proxy.example:3128')
  expect(clean).toContain('~/projects')
})
