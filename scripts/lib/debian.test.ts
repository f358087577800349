import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fetchPackage, sha256 } from './debian.mjs'

const recipe = join(import.meta.dirname, '../../resources/guest/recipe')
const { packages } = JSON.parse(readFileSync(join(recipe, 'packages.json'), 'utf8'))

it('pins every package by version, checksum and place in the archive', () => {
  for (const pin of packages) {
    // A version's epoch ("1:") is not part of the file's name.
    const file = `${pin.name}_${pin.version.replace(/^\d+:/, '')}_${pin.architecture}.deb`
    expect(pin.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(pin.path).toMatch(/^pool\//)
    expect(pin.path.split('/').at(-1)).toBe(file)
    expect(pin.for.length).toBeGreaterThan(0)
  }
})

it.each(['i386', 'amd64'])('finds the kernel of %s by a package whose name has no version', (architecture) => {
  const kernels = packages.filter(
    (pin: { for: string[]; metapackage?: string }) => pin.for.includes(architecture) && pin.metapackage,
  )
  expect(kernels).toHaveLength(1)
  expect(kernels[0].name).toMatch(/^linux-image-6\.1\.0-\d+-/)
})

it('takes a package that was downloaded before, when it is what the pin says', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-packages-'))
  const file = join(folder, 'x_1.0_all.deb')
  writeFileSync(file, 'package')
  const pin = {
    name: 'x',
    architecture: 'all',
    version: '1.0',
    sha256: sha256('package'),
    path: 'pool/main/x/x_1.0_all.deb',
  }
  const warn = (message: string) => expect.unreachable(message)
  expect(fetchPackage(pin, folder, warn)).toEqual({ pin, file })
  rmSync(folder, { recursive: true })
})
