import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const program = `
  import(process.argv[1]).then(({ closeInheritedFiles }) => {
    closeInheritedFiles()
    const fs = require('node:fs')
    const open = fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch { return '' } })
    console.log(open.includes('/etc/passwd') ? 'open' : 'closed')
    setTimeout(() => console.log('alive'), 10)
  })`

describe.runIf(process.platform === 'linux')('closeInheritedFiles', () => {
  it('closes what the parent left open and nothing of its own', async () => {
    const { transformWithOxc } = await import('vite')
    const { readFileSync, writeFileSync, mkdtempSync, rmSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    const dir = mkdtempSync(join(tmpdir(), 'berth-'))
    const fd = openSync('/etc/passwd', 'r')
    try {
      const source = join(import.meta.dirname, 'inherited-files.ts')
      const { code } = await transformWithOxc(readFileSync(source, 'utf8'), source)
      writeFileSync(join(dir, 'module.mjs'), code)
      const { stdout } = spawnSync(process.execPath, ['-e', program, join(dir, 'module.mjs')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit', ...Array(30).fill('ignore'), fd],
      })
      expect(stdout).toBe('closed\nalive\n')
    } finally {
      closeSync(fd)
      rmSync(dir, { recursive: true })
    }
  })
})
