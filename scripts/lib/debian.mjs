/**
 * Debian packages as pinned parts of a build: fetched by apt's own download helper from the mirror that this computer
 * uses, checked against the pinned sha256, unpacked without touching the system's dpkg.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * @typedef {object} Pin
 * @property {string} name  the binary package
 * @property {string} architecture  Debian's name: i386, amd64, arm64, all
 * @property {string} version
 * @property {string} sha256  of the .deb file
 * @property {string} path  of the .deb file below the root of the archive, as in the archive's Packages index
 * @property {string} [metapackage]  the package whose dependency names this one, where the name holds a version
 */

const main = 'bookworm bookworm-updates'
const security = 'bookworm-security'
const debianRelease = /^(bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)$/
const isSecurity = (release) => release.endsWith('-security')
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const downloadHelper = '/usr/lib/apt/apt-helper'
// apt's unprivileged user can't write into a folder of ours.
const asOurselves = '-oAPT::Sandbox::User=root'

/**
 * Downloads the pinned package into `folder`, unless it is there. Where the mirror no longer has the pinned version, the
 * newest one there is taken in its place, and `warn` is told.
 * @param {Pin} pin
 * @param {string} folder
 * @param {(message: string) => void} warn
 * @returns {{ pin: Pin, file: string }} what was taken (another pin than the given one after a warning)
 */
export function fetchPackage(pin, folder, warn) {
  mkdirSync(folder, { recursive: true })
  const kept = download(pin, folder)
  if (kept) return { pin, file: kept }
  const newer = currentPin(pin, folder)
  if (newer.version === pin.version && newer.sha256 !== pin.sha256)
    throw new Error(`${pin.path} has not the sha256 that it is pinned with, but ${newer.sha256}`)
  warn(
    `the mirror no longer has ${pin.name} ${pin.version} (${pin.architecture}): taking ${newer.name} ${newer.version}. ` +
      'Renew the pins with: npm run guest -- --update-pins',
  )
  const file = download(newer, folder)
  if (!file) throw new Error(`Debian's mirror lists ${newer.path} but does not have it (yet): try again later`)
  return { pin: newer, file }
}

/** The path of the downloaded file, or undefined where no archive has it. */
function download(pin, folder) {
  const file = join(folder, basename(pin.path))
  if (existsSync(file) && sha256(readFileSync(file)) === pin.sha256) return file
  const partial = `${file}.${process.pid}`
  for (const { site } of archives()) {
    try {
      const options = { stdio: ['ignore', 'ignore', 'pipe'] }
      execFileSync(
        downloadHelper,
        [asOurselves, 'download-file', `${site}/${pin.path}`, partial, `SHA256:${pin.sha256}`],
        options,
      )
      renameSync(partial, file)
      return file
    } catch {
      rmSync(partial, { force: true })
      rmSync(`${partial}.FAILED`, { force: true })
    }
  }
}

/**
 * The pin of the newest version of the package in bookworm, its updates and its security archive.
 * @param {Pin} pin  of which only the name (or metapackage) and the architecture are used
 * @param {string} folder  where apt's lists are kept
 * @returns {Pin}
 */
export function currentPin(pin, folder) {
  const apt = aptFor(pin.architecture === 'all' ? 'i386' : pin.architecture, folder)
  const show = (name) => {
    try {
      return fields(apt('apt-cache', 'show', '--no-all-versions', name))
    } catch (error) {
      throw new Error(`Debian's mirror cannot be reached or has no ${name}: ${error.stderr.trim()}`, { cause: error })
    }
  }
  const { metapackage } = pin
  const name = metapackage ? show(metapackage).Depends.split(' ')[0] : pin.name
  const found = show(name)
  return {
    name,
    architecture: found.Architecture,
    version: found.Version,
    sha256: found.SHA256,
    path: found.Filename,
    ...(metapackage && { metapackage }),
  }
}

/** The folder's content of a package, unpacked below `root`; owners are not kept. */
export function unpack(file, root) {
  mkdirSync(root, { recursive: true })
  execFileSync('dpkg-deb', ['-x', file, root])
}

/**
 * Where Debian's archive and its security archive may be had, from this computer's own apt sources. Others' archives can be
 * among them, which the pinned checksums and Debian's key keep out.
 */
function archives() {
  const format = '$(SITE) $(RELEASE) $(COMPONENT)'
  const targets = new Set(
    execFileSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' }).split('\n'),
  )
  const found = [...targets]
    .map((target) => target.split(' '))
    .filter(([, release, component]) => component === 'main' && (debianRelease.test(release) || isSecurity(release)))
    .map(([site, release]) => ({ site: site.replace(/\/$/, ''), suites: isSecurity(release) ? security : main }))
  if (found.length === 0)
    throw new Error(
      "this computer's apt has no Debian mirror among its sources; the guest image is made from Debian packages",
    )
  return found
}

const updated = new Map()

/** Runs apt tools for one architecture, with sources and lists of their own; the lists are updated once a run. */
function aptFor(architecture, folder) {
  const home = join(folder, `apt-${architecture}`)
  const settings = [
    asOurselves,
    `-oAPT::Architecture=${architecture}`,
    `-oAPT::Architectures=${architecture}`,
    `-oDir::State::Lists=${home}/lists`,
    '-oDir::State::Status=/dev/null',
    `-oDir::Etc::SourceList=${home}/debian.sources`,
    '-oDir::Etc::SourceParts=/dev/null',
    `-oDir::Cache=${home}`,
  ]
  const run = (tool, ...args) =>
    execFileSync(tool, [...settings, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (!updated.has(architecture)) {
    mkdirSync(`${home}/lists/partial`, { recursive: true })
    writeFileSync(
      `${home}/debian.sources`,
      archives()
        .map(({ site, suites }) => {
          const lines = ['Types: deb', `URIs: ${site}`, `Suites: ${suites}`, 'Components: main']
          return [...lines, `Signed-By: ${keyring}`, ''].join('\n')
        })
        .join('\n'),
    )
    updateLists(run)
    updated.set(architecture, true)
  }
  return run
}

/** Mirrors are now and then in the middle of a sync; what could be had is used after the last try. */
function updateLists(run) {
  for (let attempt = 1; attempt <= 3; attempt++) {
    try {
      return run('apt-get', 'update')
    } catch (error) {
      if (attempt === 3) console.warn(`apt-get update failed in part: ${error.stderr.trim().split('\n').at(-1)}`)
    }
  }
}

/** The first paragraph of a Debian control file, as apt-cache shows it; folded lines are left out. */
function fields(text) {
  const paragraph = text.split('\n\n')[0]
  return Object.fromEntries(paragraph.match(/^[^\s:]+: .*$/gm).map((line) => line.split(/: (.*)/s).slice(0, 2)))
}

/** @param {Buffer | string} data @returns {string} hexadecimal */
export const sha256 = (data) => createHash('sha256').update(data).digest('hex')
