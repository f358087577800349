/**
 * npm run guest [-- --arch i386|amd64] [--update-pins]
 *
 * Builds the guest image (kernel, initramfs, firmware, manifest.json) for the builtin machine (i386) and for QEMU
 * (amd64) into .cache/guest/ARCH/ from the recipe in resources/guest/recipe/. Does nothing when nothing changed.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cpio } from './lib/cpio.mjs'
import { currentPin, sha256 } from './lib/debian.mjs'
import { buildBase, cache, compress, hashOfFiles, pinFile, readJson, replaceFolder, walk } from './lib/guest-base.mjs'

/** What the build needs from Debian beyond Node and apt itself. */
export const aptPackages = ['golang-go', 'zstd']

const architectures = ['i386', 'amd64']
const goArchitecture = { i386: '386', amd64: 'amd64' }
const agentSources = join(import.meta.dirname, '../resources/guest/agent')

/**
 * Makes the guest image of one architecture where it is missing or what it is made from changed.
 * @param {'i386' | 'amd64'} architecture
 * @returns {object} its manifest (resources/guest/recipe/README.md says what is in it)
 */
export function buildGuest(architecture) {
  const base = buildBase(architecture)
  const sources = walk(agentSources).filter((path) => !path.endsWith('_test.go'))
  const inputs = sha256(base.recipe + hashOfFiles([...sources, import.meta.filename]))
  const folder = join(cache, architecture)
  const current = readManifest(folder)
  if (current?.inputs === inputs) return current

  const work = join(cache, `${architecture}.${process.pid}`)
  try {
    const made = join(work, 'made')
    mkdirSync(made, { recursive: true })
    for (const name of base.files) copyFileSync(join(base.folder, name), join(made, name))
    const agent = buildAgent(architecture, work)
    // The kernel unpacks one archive after the other.
    const initrd = join(made, 'initrd.zst')
    const ownPart = join(work, 'agent.zst')
    const ownSize = compress(cpio([{ type: 'file', path: 'sbin/berth-agent', data: agent }]), ownPart)
    copyFileSync(join(base.folder, 'base.zst'), initrd)
    appendFileSync(initrd, readFileSync(ownPart))

    const files = Object.fromEntries(readdirSync(made).map((name) => [name, describe(readFileSync(join(made, name)))]))
    const manifest = {
      id: sha256(JSON.stringify(files)),
      inputs,
      architecture,
      kernel: base.kernel,
      agent: sha256(agent),
      unpackedSize: base.unpackedSize + ownSize,
      files,
      packages: base.packages,
    }
    writeFileSync(join(made, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n')
    replaceFolder(folder, made, join(work, 'old'))
    return manifest
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The manifest of an image that is whole, as far as its files' sizes tell. */
function readManifest(folder) {
  if (!existsSync(join(folder, 'manifest.json'))) return
  const manifest = readJson(join(folder, 'manifest.json'))
  const whole = Object.entries(manifest.files).every(
    ([name, { size }]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === size,
  )
  return whole ? manifest : undefined
}

function buildAgent(architecture, work) {
  const folder = join(work, 'agent')
  execFileSync('sh', [join(agentSources, 'build.sh'), folder, goArchitecture[architecture]], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return readFileSync(join(folder, `berth-agent-${goArchitecture[architecture]}`))
}

const describe = (data) => ({ size: data.length, sha256: sha256(data) })

function updatePins() {
  const { packages, ...rest } = readJson(pinFile)
  const renewed = packages.map((pin) => {
    const current = currentPin(pin, join(cache, 'downloads'))
    if (current.sha256 !== pin.sha256)
      console.log(`${current.name} ${current.architecture}: ${pin.version} -> ${current.version}`)
    return { for: pin.for, ...current }
  })
  writeFileSync(pinFile, JSON.stringify({ ...rest, packages: renewed }, null, 2) + '\n')
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { arch: { type: 'string' }, 'update-pins': { type: 'boolean' } } })
  if (values.arch && !architectures.includes(values.arch)) {
    console.error('usage: npm run guest [-- --arch i386|amd64] [--update-pins]')
    process.exit(2)
  }
  if (values['update-pins']) updatePins()
  for (const architecture of values.arch ? [values.arch] : architectures) {
    const { kernel, files } = buildGuest(architecture)
    const sizes = Object.entries(files).map(([name, { size }]) => `${name} ${(size / 1e6).toFixed(1)} MB`)
    console.log(`guest image ${architecture}: Linux ${kernel}, ${sizes.join(', ')}`)
  }
}
