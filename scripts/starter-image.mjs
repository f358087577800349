/**
 * node scripts/starter-image.mjs
 *
 * Makes .cache/starter/busybox.tar: the image busybox:latest, from Debian's busybox-static, as an OCI archive (OCI Image
 * Layout 1.0 in a tar) for linux/amd64, linux/386 and linux/arm64. The same packages give the same bytes;
 * SOURCE_DATE_EPOCH (Unix seconds), when set, is the date of all in it, and otherwise the date of Debian's build is.
 */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { fetchPackage, sha256, unpack } from './lib/debian.mjs'
import { busyboxApplets } from './lib/elf.mjs'

const project = join(import.meta.dirname, '..')
const cache = join(project, '.cache')
const target = join(cache, 'starter/busybox.tar')
const pinFile = join(project, 'resources/guest/recipe/packages.json')
const ociArchitecture = { amd64: 'amd64', i386: '386', arm64: 'arm64' }
const mediaType = (kind) => `application/vnd.oci.image.${kind}`

/**
 * Makes the starter image where it is missing, or where what it is made from changed.
 * @returns {Promise<string>} the path of the archive
 */
export async function buildStarterImage() {
  const pins = JSON.parse(readFileSync(pinFile, 'utf8')).packages.filter((pin) => pin.for.includes('starter'))
  const inputs = [readFileSync(import.meta.filename), JSON.stringify(pins), process.env.SOURCE_DATE_EPOCH ?? '']
  const stamp = sha256(inputs.map((input) => sha256(input)).join())
  const stampFile = `${target}.inputs`
  if (read(stampFile) === stamp && statSync(target, { throwIfNoEntry: false })) return target

  const warn = (message) => console.warn(`WARNING: ${message}`)
  const packages = pins.map((pin) => busyboxOf(fetchPackage(pin, join(cache, 'guest/downloads'), warn)))
  mkdirSync(join(cache, 'starter'), { recursive: true })
  const partial = `${target}.${process.pid}`
  writeFileSync(partial, await archive(packages))
  renameSync(partial, target)
  writeFileSync(stampFile, stamp)
  return target
}

const read = (path) => (statSync(path, { throwIfNoEntry: false }) ? readFileSync(path, 'utf8') : undefined)

/** The program in a busybox-static package, and the date of its build. */
function busyboxOf({ pin, file }) {
  const folder = mkdtempSync(join(cache, 'guest/unpacked-'))
  try {
    unpack(file, folder)
    const program = join(folder, 'bin/busybox')
    const seconds = process.env.SOURCE_DATE_EPOCH ?? Math.floor(statSync(program).mtimeMs / 1000)
    return {
      architecture: ociArchitecture[pin.architecture],
      version: pin.version,
      program: readFileSync(program),
      date: new Date(Number(seconds) * 1000),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * The OCI archive of one image for all the platforms.
 * @param {{ architecture: string, version: string, program: Buffer, date: Date }[]} packages  a static busybox for each
 * architecture (OCI's name), its package's version, and the date for its files
 * @returns {Promise<Uint8Array>}
 */
export async function archive(packages) {
  const blobs = new Map()
  /** Keeps a blob and gives its descriptor. */
  const keep = (kind, content, more = {}) => {
    const data = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
    const digest = sha256(data)
    blobs.set(`blobs/sha256/${digest}`, data)
    return { mediaType: mediaType(kind), digest: `sha256:${digest}`, size: data.length, ...more }
  }
  const manifests = []
  for (const { architecture, version, program, date } of packages) {
    const layer = Buffer.from(await packTar(rootFileSystem(program, date)))
    const created = date.toISOString()
    const config = keep('config.v1+json', {
      created,
      architecture,
      os: 'linux',
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [
        { created, created_by: `busybox-static ${version} (Debian)` },
        { created, created_by: 'CMD ["sh"]', empty_layer: true },
      ],
    })
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaType('manifest.v1+json'),
      config,
      layers: [keep('layer.v1.tar+gzip', gzipSync(layer, { level: 9 }))],
      annotations: { 'org.opencontainers.image.version': version, 'org.opencontainers.image.licenses': 'GPL-2.0-only' },
    }
    manifests.push(keep('manifest.v1+json', manifest, { platform: { architecture, os: 'linux' } }))
  }
  const image = keep('index.v1+json', { schemaVersion: 2, mediaType: mediaType('index.v1+json'), manifests })
  const named = {
    ...image,
    annotations: {
      'io.containerd.image.name': 'docker.io/library/busybox:latest',
      'org.opencontainers.image.ref.name': 'latest',
    },
  }
  const index = { schemaVersion: 2, mediaType: mediaType('index.v1+json'), manifests: [named] }
  const files = [
    ['oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' }))],
    ['index.json', Buffer.from(JSON.stringify(index))],
    ...[...blobs].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]
  const mtime = new Date(Math.max(...packages.map(({ date }) => date.getTime())))
  return packTar([
    ...['blobs/', 'blobs/sha256/'].map((name) => ({
      header: { ...owner(mtime), name, type: 'directory', size: 0, mode: 0o755 },
    })),
    ...files.map(([name, body]) => ({ header: { ...owner(mtime), name, size: body.length, mode: 0o644 }, body })),
  ])
}

const owner = (mtime) => ({ uid: 0, gid: 0, mtime })

/** The entries of the image's one layer: busybox under all its names, and the few files that a system needs. */
function rootFileSystem(program, date) {
  const directory = (name, mode = 0o755, uid = 0) => ({
    header: { uid, gid: uid, mtime: date, name, mode, type: 'directory', size: 0 },
  })
  const file = (name, content, mode = 0o644) => {
    const body = Buffer.from(content)
    return { header: { ...owner(date), name, mode, size: body.length }, body }
  }
  const link = (type, name, linkname) => ({
    header: { ...owner(date), name, mode: type === 'symlink' ? 0o777 : 0o755, type, linkname, size: 0 },
  })
  return [
    directory('bin/'),
    file('bin/busybox', program, 0o755),
    ...busyboxApplets(program)
      .filter((applet) => applet !== 'busybox')
      .map((applet) => link('link', `bin/${applet}`, 'bin/busybox')),
    directory('dev/'),
    directory('etc/'),
    file(
      'etc/group',
      lines(
        'root:x:0:',
        'daemon:x:1:',
        'bin:x:2:',
        'sys:x:3:',
        'adm:x:4:',
        'tty:x:5:',
        'disk:x:6:',
        'mail:x:8:',
        'wheel:x:10:root',
        'www-data:x:33:',
        'operator:x:37:',
        'users:x:100:',
        'nogroup:x:65534:',
      ),
    ),
    file('etc/nsswitch.conf', lines('passwd: files', 'group: files', 'shadow: files', 'hosts: files dns')),
    file(
      'etc/passwd',
      lines(
        'root:x:0:0:root:/root:/bin/sh',
        'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
        'bin:x:2:2:bin:/bin:/bin/false',
        'sys:x:3:3:sys:/dev:/bin/false',
        'mail:x:8:8:mail:/var/spool/mail:/bin/false',
        'www-data:x:33:33:www-data:/var/www:/bin/false',
        'operator:x:37:37:Operator:/var:/bin/false',
        'nobody:x:65534:65534:nobody:/home:/bin/false',
      ),
    ),
    file(
      'etc/shadow',
      lines(
        ...['root', 'daemon', 'bin', 'sys', 'mail', 'www-data', 'operator', 'nobody'].map((name) => `${name}:*:::::::`),
      ),
      0o640,
    ),
    directory('home/', 0o755, 65534),
    directory('proc/'),
    directory('root/', 0o700),
    directory('run/'),
    directory('sys/'),
    directory('tmp/', 0o1777),
    directory('usr/'),
    directory('usr/bin/'),
    // Scripts start with #!/usr/bin/env.
    link('symlink', 'usr/bin/env', '../../bin/env'),
    directory('usr/sbin/'),
    directory('var/'),
    directory('var/spool/'),
    directory('var/spool/mail/', 0o755, 8),
    directory('var/www/', 0o755, 33),
  ]
}

const lines = (...texts) => texts.map((text) => `${text}\n`).join('')

if (process.argv[1] === import.meta.filename) {
  const path = await buildStarterImage()
  console.log(`starter image: ${path} ${(statSync(path).size / 1e6).toFixed(1)} MB`)
}
