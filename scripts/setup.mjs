/**
 * The one set-up behind `npm start`, `npm test` and the other scripts: `node scripts/setup.mjs [start|engine|api|test|package]`.
 * Each step says what it does, and is skipped in milliseconds when there is nothing to do.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { arch } from 'node:os'
import { dirname, join } from 'node:path'
import { aptPackages as guestPackages } from './guest.mjs'
import { hasDisplay } from './lib/display.mjs'

const project = join(import.meta.dirname, '..')
const stamps = join(project, '.cache/setup')

/** What each purpose needs of Debian, as package -> a file that it brings. */
const compiler = { python3: '/usr/bin/python3', make: '/usr/bin/make', 'g++': '/usr/bin/g++' }
const guestBuild = Object.fromEntries(guestPackages.map((name) => [name, `/usr/share/doc/${name}`]))
const window = {
  'libgtk-3-0': '/usr/share/doc/libgtk-3-0',
  libnss3: '/usr/share/doc/libnss3',
  libgbm1: '/usr/share/doc/libgbm1',
  libasound2: '/usr/share/doc/libasound2',
}
const testing = {
  runc: '/usr/sbin/runc',
  nftables: '/usr/sbin/nft',
  'docker-registry': '/usr/bin/docker-registry',
  'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
  xvfb: '/usr/bin/Xvfb',
  xauth: '/usr/bin/xauth',
  curl: '/usr/bin/curl',
  'docker-compose': '/usr/bin/docker-compose',
}

const purposes = {
  start: { packages: { ...compiler, ...guestBuild, ...(hasDisplay() ? window : {}) }, electron: hasDisplay() },
  api: { packages: { ...compiler, ...guestBuild, ...testing }, electron: false },
  engine: { packages: { ...compiler, ...guestBuild }, electron: false },
  test: { packages: { ...compiler, ...guestBuild, ...window, ...testing }, electron: true, everything: true },
  package: { packages: { ...compiler, ...guestBuild, ...window }, electron: true },
}

const purpose = purposes[process.argv[2] ?? 'start']
if (!purpose) {
  console.error(`usage: setup.mjs ${Object.keys(purposes).join('|')}`)
  process.exit(2)
}

await systemPackages(purpose.packages)
await nodeModules()
await agent()
const { buildGuest } = await import('./guest.mjs')
buildGuest('i386')
if (purpose.everything) buildGuest('amd64')
const { buildStarterImage } = await import('./starter-image.mjs')
await buildStarterImage()
if (purpose.everything) {
  const { dockerCli } = await import('./docker-cli.mjs')
  dockerCli()
}
await program()
if (purpose.electron) {
  const { electronBinary } = await import('./electron-binary.mjs')
  await electronBinary(say)
}

function say(line) {
  console.log(`set-up: ${line}`)
}

/** Installs what is missing with apt as root on Debian and its kin; elsewhere prints the one command to run. */
function systemPackages(wanted) {
  if (process.platform !== 'linux') return
  const missing = Object.entries(wanted)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name)
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  const isDebian = existsSync('/etc/debian_version')
  if (!isDebian || process.getuid() !== 0) {
    console.error(`Some system packages are missing. Please run this once, then try again:\n\n  sudo ${command}\n`)
    if (!isDebian) console.error('(These are the names in Debian; your system may have others.)')
    process.exit(1)
  }
  say(`installing Debian packages: ${missing.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = () => spawnSync('sh', ['-c', `${command} -q`], { env, encoding: 'utf8' })
  // The lists may be missing or older than what the mirror still has.
  if (install().status === 0) return
  run('apt-get', ['update', '-q'], { env })
  const second = install()
  if (second.status === 0) return
  console.error(`${second.stdout}\n${second.stderr}\n'${command}' failed.`)
  process.exit(1)
}

/** node_modules as the lock file has it; better-sqlite3 is compiled against this Node's own headers. */
function nodeModules() {
  const key = hash([join(project, 'package-lock.json'), process.version, arch()])
  if (
    isDone('node_modules', key) &&
    existsSync(join(project, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node'))
  )
    return
  say('installing the npm packages (a few minutes the first time)')
  const headers = join(dirname(process.execPath), '..')
  const env = { ...process.env, ELECTRON_SKIP_BINARY_DOWNLOAD: '1' }
  // Without this node-gyp would download the headers, which a closed network refuses.
  if (existsSync(join(headers, 'include/node/node.h'))) env.npm_config_nodedir ??= headers
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { env })
  done('node_modules', key)
}

/** The agent for this computer, for the native machine. */
function agent() {
  if (process.platform !== 'linux') return
  const goArch = { x64: 'amd64', ia32: '386', arm64: 'arm64' }[arch()] ?? arch()
  const sources = join(project, 'resources/guest/agent')
  const out = join(project, '.cache/agent')
  const key = hash(files(sources))
  if (isDone('agent', key) && existsSync(join(out, `berth-agent-${goArch}`))) return
  say('building the agent')
  mkdirSync(out, { recursive: true })
  run('sh', [join(sources, 'build.sh'), out, goArch])
  done('agent', key)
}

/** The TypeScript programs in out/. */
function program() {
  const sources = [
    'electron',
    'renderer',
    'shared',
    'bench',
    'test/kit',
    'resources/guest/contract.json',
    'electron.vite.config.ts',
    'package.json',
  ]
  const key = hash(sources.flatMap((source) => files(join(project, source))))
  if (isDone('program', key) && existsSync(join(project, 'out/main/engine.js'))) return
  say('building the program')
  run(process.execPath, [
    join(project, 'node_modules/electron-vite/bin/electron-vite.js'),
    'build',
    '--logLevel',
    'warn',
  ])
  done('program', key)
}

function run(command, args, options = {}) {
  try {
    execFileSync(command, args, {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      ...options,
    })
  } catch (error) {
    console.error(`${error.stdout ?? ''}\n${error.stderr ?? ''}\n'${command} ${args.join(' ')}' failed.`)
    process.exit(1)
  }
}

function files(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** Of files by their content, of anything else by its text. A checkout may be moved or copied: paths are those inside it. */
function hash(parts) {
  const sum = createHash('sha256')
  for (const part of parts)
    sum
      .update(part.replace(project, ''))
      .update('\0')
      .update(existsSync(part) ? readFileSync(part) : '')
  return sum.digest('hex')
}

function isDone(step, key) {
  const stamp = join(stamps, step)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === key
}

function done(step, key) {
  mkdirSync(stamps, { recursive: true })
  writeFileSync(join(stamps, step), key)
}
