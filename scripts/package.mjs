/**
 * `npm run package`: the unpacked app in dist/. Arguments go to electron-builder: `npm run package -- --linux deb`.
 * The engine inside gets a copy of the Node that runs this script, so each system's package is made on that system.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { electronBinary } from './electron-binary.mjs'

const project = join(import.meta.dirname, '..')
const staging = join(project, '.cache', 'package')
rmSync(staging, { recursive: true, force: true })
mkdirSync(join(staging, 'bin'), { recursive: true })
copyFileSync(process.execPath, join(staging, 'bin', process.platform === 'win32' ? 'node.exe' : 'node'))
// Copied, because electron-builder leaves out of the app what also goes beside it, and both need the shared chunks.
for (const name of ['engine.js', 'vm.js', 'cli.js', 'chunks'])
  cpSync(join(project, 'out/main', name), join(staging, 'engine/out/main', name), { recursive: true })

const { dist, version } = await electronBinary()
// The older Electron of electron-binary.mjs has no such fuse.
const fuses = Number.parseInt(version) >= 29 ? ['-c.electronFuses.grantFileProtocolExtraPrivileges=false'] : []
const asked = process.argv.slice(2)
execFileSync(
  process.execPath,
  [
    join(project, 'node_modules/electron-builder/cli.js'),
    ...(asked.length > 0 ? asked : ['--dir']),
    '--publish=never',
    `-c.electronDist=${dist}`,
    `-c.electronVersion=${version}`,
    ...fuses,
  ],
  { cwd: project, stdio: 'inherit' },
)
