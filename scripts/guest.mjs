/**
 * npm run guest [-- --arch i386|amd64] [--update-pins]
 *
 * Builds the guest image (kernel, initramfs, firmware, manifest.json) for the builtin machine (i386) and for QEMU
 * (amd64) into .cache/guest/ARCH/ from the recipe in resources/guest/recipe/. Does nothing when nothing changed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { cpio } from './lib/cpio.mjs'
import { currentPin, fetchPackage, sha256, unpack } from './lib/debian.mjs'
import { moduleDependencies, moduleName, neededLibraries } from './lib/elf.mjs'

/** What the build needs from Debian beyond Node and apt itself. */
export const aptPackages = ['golang-go', 'zstd']

export const architectures = ['i386', 'amd64']

const project = join(import.meta.dirname, '..')
const recipe = join(project, 'resources/guest/recipe')
const agent = join(project, 'resources/guest/agent')
const cache = join(project, '.cache/guest')
const pinFile = join(recipe, 'packages.json')
const goArchitecture = { i386: '386', amd64: 'amd64' }

/**
 * Makes the guest image of one architecture where it is missing or its recipe changed.
 * @param {'i386' | 'amd64'} architecture
 * @returns {object} its manifest (resources/guest/recipe/README.md says what is in it)
 */
export function buildGuest(architecture) {
  const outputs = join(cache, architecture)
  const recipeHash = hashOfInputs()
  const current = readManifest(outputs)
  if (current?.recipe === recipeHash) return current

  const work = join(cache, `${architecture}.${process.pid}`)
  try {
    return build(architecture, recipeHash, work, outputs)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function build(architecture, recipeHash, work, outputs) {
  const contents = readJson(join(recipe, 'contents.json'))
  const own = contents[architecture]
  const packages = readJson(pinFile)
    .packages.filter((pin) => pin.for.includes(architecture))
    .map((pin) => fetchPackage(pin, join(cache, 'downloads'), (message) => console.warn(`WARNING: ${message}`)))
  const root = join(work, 'root')
  for (const { file } of packages) unpack(file, root)

  const release = readdirSync(join(root, 'lib/modules'))[0]
  const made = join(work, 'made')
  mkdirSync(made)
  writeFileSync(join(made, 'vmlinuz'), readFileSync(join(root, `boot/vmlinuz-${release}`)))
  for (const [name, path] of Object.entries(own.firmware))
    writeFileSync(join(made, name), readFileSync(join(root, path)))
  const files = new Map([
    ...binaries(root, contents.binaries, own.loader),
    ...modules(root, release, [...own.modules, ...contents.modules]),
    ...treeOf(join(recipe, 'root')),
    ['sbin/berth-agent', { data: buildAgent(architecture, work), mode: 0o755 }],
  ])
  const archive = cpio(entriesOf(files, contents.applets))
  writeFileSync(join(work, 'initramfs'), archive)
  execFileSync('zstd', ['-q', '-19', join(work, 'initramfs'), '-o', join(made, 'initrd.zst')])

  const described = Object.fromEntries(
    readdirSync(made).map((name) => [name, describe(readFileSync(join(made, name)))]),
  )
  const manifest = {
    id: sha256(JSON.stringify(described)),
    architecture,
    recipe: recipeHash,
    kernel: release,
    agent: sha256(files.get('sbin/berth-agent').data),
    unpackedSize: archive.length,
    files: described,
    packages: packages.map(({ pin: { name, version, sha256 } }) => ({ name, version, sha256 })),
  }
  rmSync(outputs, { recursive: true, force: true })
  writeFileSync(join(made, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n')
  renameSync(made, outputs)
  return manifest
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

/** One hash over all that the image is made from: the recipe with its pins, this build's code and the agent's sources. */
function hashOfInputs() {
  const sources = [
    ...walk(recipe),
    ...(existsSync(agent) ? walk(agent) : []).filter(
      (path) => /\.(go|mod|sh)$/.test(path) && !path.endsWith('_test.go'),
    ),
    join(import.meta.dirname, 'guest.mjs'),
    ...['cpio', 'debian', 'elf'].map((name) => join(import.meta.dirname, `lib/${name}.mjs`)),
  ]
  return sha256(sources.map((path) => `${relative(project, path)} ${sha256(readFileSync(path))}\n`).join(''))
}

/** Files below a folder, sorted by path. */
function walk(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

/** The recipe's own files, by their path in the guest. */
const treeOf = (folder) =>
  walk(folder).map((path) => [relative(folder, path), { data: readFileSync(path), mode: statSync(path).mode & 0o777 }])

/** The programs and all shared libraries that they need, which go to /lib, by their path in the guest. */
function binaries(root, programs, loader) {
  const found = new Map()
  const waiting = Object.entries(programs)
  while (waiting.length > 0) {
    const [target, source] = waiting.pop()
    if (found.has(target)) continue
    const data = readFileSync(join(root, source))
    found.set(target, { data, mode: 0o755 })
    for (const library of neededLibraries(data)) {
      // The kernel starts the dynamic loader by the path that the ABI fixes.
      const home = library === loader && loader.includes('x86-64') ? 'lib64' : 'lib'
      waiting.push([`${home}/${library}`, findLibrary(root, library)])
    }
  }
  return found
}

function findLibrary(root, name) {
  const folders = ['lib', 'usr/lib'].flatMap((folder) => [
    folder,
    `${folder}64`,
    ...readdirSync(join(root, folder))
      .filter((entry) => entry.endsWith('-linux-gnu'))
      .map((entry) => `${folder}/${entry}`),
  ])
  const folder = folders.find((candidate) => existsSync(join(root, candidate, name)))
  if (!folder) throw new Error(`no package of the recipe has the shared library ${name}`)
  return join(folder, name)
}

/** The kernel modules and those that they depend on, with the modules.dep that modprobe reads. */
function modules(root, release, wanted) {
  const base = `lib/modules/${release}`
  const paths = new Map(
    readdirSync(join(root, base, 'kernel'), { recursive: true })
      .filter((path) => path.endsWith('.ko'))
      .map((path) => [moduleName(path.split('/').at(-1).slice(0, -'.ko'.length)), `kernel/${path}`]),
  )
  const builtin = readFileSync(join(root, base, 'modules.builtin'), 'utf8')
  const isBuiltin = (name) => builtin.split('\n').some((path) => moduleName(path.split('/').at(-1)) === `${name}.ko`)
  const needs = new Map()
  const collect = (name) => {
    if (needs.has(name) || isBuiltin(name)) return
    if (!paths.has(name)) throw new Error(`the kernel ${release} has no module ${name}`)
    const direct = moduleDependencies(readFileSync(join(root, base, paths.get(name))))
    needs.set(name, direct)
    direct.forEach(collect)
  }
  wanted.forEach(collect)
  const inLoadOrder = (name) => (needs.get(name) ?? []).flatMap((needed) => [...inLoadOrder(needed), needed])
  const lines = [...needs.keys()].map((name) => {
    // modprobe loads a line's modules from its end to its start.
    const dependencies = [...new Set(inLoadOrder(name))].filter((needed) => needs.has(needed)).reverse()
    return `${paths.get(name)}: ${dependencies.map((needed) => paths.get(needed)).join(' ')}`.trimEnd()
  })
  return [
    ...[...needs.keys()].map((name) => [
      `${base}/${paths.get(name)}`,
      { data: readFileSync(join(root, base, paths.get(name))), mode: 0o644 },
    ]),
    [`${base}/modules.dep`, { data: Buffer.from(lines.join('\n') + '\n'), mode: 0o644 }],
    ['etc/modules', { data: Buffer.from(wanted.filter((name) => !isBuiltin(name)).join(' ') + '\n'), mode: 0o644 }],
  ]
}

function buildAgent(architecture, work) {
  const folder = join(work, 'agent')
  if (!existsSync(join(agent, 'build.sh'))) {
    console.warn('WARNING: resources/guest/agent/build.sh is not there yet: this guest image has no agent')
    return Buffer.from('#!/bin/sh\necho "this guest image was built without the agent" >&2\nexit 1\n')
  }
  execFileSync(join(agent, 'build.sh'), [folder, goArchitecture[architecture]], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return readFileSync(join(folder, `berth-agent-${goArchitecture[architecture]}`))
}

/** The archive's entries: folders first, then the files, busybox's applets and the console for the first process. */
function entriesOf(files, applets) {
  const paths = [...files.keys(), ...applets, 'dev/console', 'mnt/.']
  const folders = new Set(
    paths.flatMap((path) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, index, parts) => parts.slice(0, index + 1).join('/')),
    ),
  )
  return [
    ...[...folders].sort().map((path) => ({ type: 'folder', path })),
    { type: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    ...[...files]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, { data, mode }]) => ({ type: 'file', path, mode, data })),
    ...applets.map((path) => ({ type: 'link', path, target: '/bin/busybox' })),
  ]
}

const describe = (data) => ({ size: data.length, sha256: sha256(data) })

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

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

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { arch: { type: 'string' }, 'update-pins': { type: 'boolean' } } })
  if (values['update-pins']) updatePins()
  for (const architecture of values.arch ? [values.arch] : architectures) {
    const { kernel, files } = buildGuest(architecture)
    const sizes = Object.entries(files).map(([name, { size }]) => `${name} ${(size / 1e6).toFixed(1)} MB`)
    console.log(`guest image ${architecture}: Linux ${kernel}, ${sizes.join(', ')}`)
  }
}
