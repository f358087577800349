/**
 * The part of the guest image that does not change with the agent: kernel, firmware, and an initramfs of programs, kernel
 * modules and the recipe's own files.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { cpio } from './cpio.mjs'
import { fetchPackage, sha256, unpack } from './debian.mjs'
import { moduleDependencies, moduleName, neededLibraries } from './elf.mjs'

const project = join(import.meta.dirname, '../..')
export const recipe = join(project, 'resources/guest/recipe')
export const cache = join(project, '.cache/guest')
export const pinFile = join(recipe, 'packages.json')

/**
 * Makes the base of one architecture where it is missing or its recipe changed.
 * @param {'i386' | 'amd64'} architecture
 * @returns {{ folder: string, recipe: string, kernel: string, unpackedSize: number, files: string[], packages: object[] }}
 * the folder with `files` (vmlinuz and firmware) and base.zst, the hash of the recipe, the kernel's release, the bytes that
 * base.zst unpacks to, and the name, version and sha256 of each package
 */
export function buildBase(architecture) {
  const folder = join(cache, 'base', architecture)
  const hash = hashOfRecipe()
  const description = join(folder, 'base.json')
  const current = existsSync(description) && readJson(description)
  if (current.recipe === hash) return { folder, ...current }

  console.log(`building the guest image for ${architecture} (downloads up to 60 MB the first time)`)
  const work = join(cache, `base-${architecture}.${process.pid}`)
  try {
    const made = join(work, 'made')
    mkdirSync(made, { recursive: true })
    const built = { recipe: hash, ...build(architecture, join(work, 'root'), made) }
    writeFileSync(join(made, 'base.json'), JSON.stringify(built, null, 2))
    mkdirSync(join(cache, 'base'), { recursive: true })
    replaceFolder(folder, made, join(work, 'old'))
    return { folder, ...built }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function build(architecture, root, made) {
  const contents = readJson(join(recipe, 'contents.json'))
  const { loader, modules, firmware } = contents[architecture]
  const packages = readJson(pinFile)
    .packages.filter((pin) => pin.for.includes(architecture))
    .map((pin) => fetchPackage(pin, join(cache, 'downloads'), (message) => console.warn(`WARNING: ${message}`)))
  for (const { file } of packages) unpack(file, root)

  const kernel = readdirSync(join(root, 'lib/modules'))[0]
  const taken = { vmlinuz: `boot/vmlinuz-${kernel}`, ...firmware }
  for (const [name, path] of Object.entries(taken)) writeFileSync(join(made, name), readFileSync(join(root, path)))
  const files = new Map([
    ...programsIn(root, contents.binaries, loader),
    ...modulesIn(root, kernel, [...modules, ...contents.modules]),
    ...treeOf(join(recipe, 'root')),
  ])
  return {
    kernel,
    unpackedSize: compress(cpio(entriesOf(files, contents.applets)), join(made, 'base.zst')),
    files: Object.keys(taken),
    packages: packages.map(({ pin: { name, version, sha256 } }) => ({ name, version, sha256 })),
  }
}

/** Puts the folder `made` in the place of another, which is moved to `aside` for that: nobody finds half of either. */
export function replaceFolder(folder, made, aside) {
  if (existsSync(folder)) renameSync(folder, aside)
  renameSync(made, folder)
}

/** Writes the data, compressed as the kernel unpacks it fastest in an emulator, to the file; gives its size before. */
export function compress(data, file) {
  execFileSync('zstd', ['-q', '-19', '-o', file], { input: data })
  return data.length
}

/** One hash over all that the base is made from: the recipe with its pins, and the code that packs it. */
function hashOfRecipe() {
  const code = ['cpio', 'elf', 'guest-base'].map((name) => join(import.meta.dirname, `${name}.mjs`))
  return hashOfFiles([...walk(recipe).filter((path) => !path.endsWith('.md')), ...code])
}

/** One hash over files, their names, contents and whether they are executable. */
export function hashOfFiles(paths) {
  const lines = paths.map(
    (path) => `${relative(project, path)} ${statSync(path).mode & 0o111} ${sha256(readFileSync(path))}\n`,
  )
  return sha256(lines.join(''))
}

/** Files below a folder, sorted by path. */
export function walk(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

/** The recipe's own files, by their path in the guest. */
const treeOf = (folder) =>
  walk(folder).map((path) => [relative(folder, path), { data: readFileSync(path), mode: statSync(path).mode & 0o777 }])

/** The programs and all shared libraries that they need, which go to /lib, by their path in the guest. */
function programsIn(root, programs, loader) {
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
function modulesIn(root, release, wanted) {
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

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))
