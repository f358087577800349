import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How QEMU runs the guest's processors: a hypervisor of the host's, or in software (tcg). */
export type Accelerator = 'kvm' | 'hvf' | 'whpx' | 'tcg'

export interface Qemu {
  program: string
  version: string
  /** Debian's name of the guest's architecture. */
  guest: 'amd64' | 'arm64'
  accelerator: Accelerator
}

const probeDeadline = 10_000

/** The devices without which there is no machine. */
const devices = ['virtio-blk-pci', 'virtio-net-pci', 'virtio-serial-pci', 'virtserialport']

const names = { amd64: 'qemu-system-x86_64', arm64: 'qemu-system-aarch64' }

/** Where package managers and installers put QEMU when its folder is not on the PATH of a desktop program. */
const usualFolders: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ['/opt/homebrew/bin', '/usr/local/bin', '/opt/local/bin'],
  win32: ['C:\\Program Files\\qemu'],
  linux: ['/usr/bin', '/usr/local/bin'],
}

/**
 * The QEMU of this computer for guests of its own architecture, or of the one asked for. Throws an Error that says what is
 * missing. The accelerator is the hypervisor that works here; `tcg` where there is none, or where the guest is foreign.
 */
export async function findQemu(asked?: Qemu['guest']): Promise<Qemu> {
  const own = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const guest = asked ?? own
  const program = onPath(names[guest])
  if (!program) throw new Error(`${names[guest]} is not installed`)
  const [version, known, accelerators] = await Promise.all(
    [['--version'], ['-device', 'help'], ['-accel', 'help']].map((args) => ask(program, args)),
  )
  for (const device of devices)
    if (!known!.includes(`"${device}"`)) throw new Error(`${program} lacks the device ${device}`)
  const hypervisor = guest === own ? hypervisorOf(process.platform) : undefined
  const works = hypervisor && accelerators!.includes(hypervisor) && (await usable(program, hypervisor))
  return {
    program,
    version: /version (\S+)/.exec(version!)?.[1] ?? 'unknown',
    guest,
    accelerator: works ? hypervisor : 'tcg',
  }
}

function hypervisorOf(platform: NodeJS.Platform): Accelerator | undefined {
  return ({ linux: 'kvm', darwin: 'hvf', win32: 'whpx' } as Partial<Record<NodeJS.Platform, Accelerator>>)[platform]
}

async function ask(program: string, args: string[]): Promise<string> {
  const { stdout, stderr } = await run(program, args, { timeout: 20_000, windowsHide: true })
  return stdout + stderr
}

/**
 * Whether a guest's processor runs on the hypervisor, which a look at its device does not tell: on an x86 it runs three
 * instructions from a BIOS of ours, which end QEMU with an exit code that nothing else has.
 */
async function usable(program: string, accelerator: Accelerator): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-probe-'))
  const args = ['-nodefaults', '-display', 'none', '-accel', accelerator, '-cpu', 'host']
  try {
    if (process.arch !== 'x64') {
      await run(program, [...args, '-M', 'none', '-version'], { timeout: probeDeadline, windowsHide: true })
      return true
    }
    const bios = join(folder, 'bios')
    const image = Buffer.alloc(65536)
    // At the reset vector: mov al, 0x10; out 0xf4, al; hlt
    Buffer.from([0xb0, 0x10, 0xe6, 0xf4, 0xf4]).copy(image, image.length - 16)
    await writeFile(bios, image)
    const exit = ['-M', 'pc', '-m', '16M', '-no-reboot', '-bios', bios, '-device', 'isa-debug-exit,iobase=0xf4']
    await run(program, [...args, ...exit], { timeout: probeDeadline, killSignal: 'SIGKILL', windowsHide: true })
    return false
  } catch (error) {
    // isa-debug-exit: the value times two, plus one.
    return (error as { code?: unknown }).code === 0x21
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function onPath(name: string): string | undefined {
  const file = process.platform === 'win32' ? `${name}.exe` : name
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...(usualFolders[process.platform] ?? [])]
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, file))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
