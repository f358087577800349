/**
 * The amd64 guest image, booted in QEMU without hardware virtualization: the recipe's kernel, initramfs and init up to a
 * working agent on a virtio serial port, and a real container in it.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, it } from 'vitest'
import { Link } from '../../electron/machine/link'
import { applyStarter, containerOf, hello, layer, network, output } from './containers'

const project = join(import.meta.dirname, '../..')
const image = join(project, '.cache/guest/amd64')

const folder = mkdtempSync(join(tmpdir(), 'berth-guest-'))
const disk = join(folder, 'disk.img')
const linkSocket = join(folder, 'link.sock')

/** QEMU with the guest image, the disk and the link's serial port. */
class Pc {
  console = ''
  private readonly qemu: ChildProcessWithoutNullStreams
  private hasNews: () => void = () => undefined

  constructor(words = '') {
    this.qemu = spawn('qemu-system-x86_64', [
      ...[
        '-M',
        'q35',
        '-accel',
        'tcg',
        '-cpu',
        'max',
        '-m',
        '512',
        '-display',
        'none',
        '-serial',
        'stdio',
        '-no-reboot',
      ],
      ...['-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd.zst')],
      ...['-append', `console=ttyS0 quiet panic=-1 ${words}`],
      ...['-drive', `file=${disk},format=raw,if=virtio`, '-nic', 'user,model=virtio-net-pci,restrict=on'],
      ...['-device', 'virtio-serial', '-chardev', `socket,id=link,path=${linkSocket},server=on,wait=off`],
      ...['-device', 'virtserialport,chardev=link,name=berth'],
    ])
    for (const output of [this.qemu.stdout, this.qemu.stderr])
      output.on('data', (chunk: Buffer) => {
        this.console += chunk.toString()
        this.hasNews()
      })
    this.qemu.on('exit', () => this.hasNews())
  }

  /** Resolves when the console has shown the text; rejects with the whole console when QEMU ends before. */
  async shows(text: string): Promise<void> {
    while (!this.console.includes(text)) {
      if (this.ended()) throw new Error(`the guest ended without "${text}":\n${this.console}`)
      await new Promise<void>((resolve) => (this.hasNews = resolve))
    }
  }

  type(words: string): void {
    this.qemu.stdin.write(words + '\n')
  }

  async poweredOff(): Promise<void> {
    if (!this.ended()) await once(this.qemu, 'exit')
  }

  async unplug(): Promise<void> {
    if (this.ended()) return
    this.qemu.kill('SIGKILL')
    await once(this.qemu, 'exit')
  }

  private ended(): boolean {
    return this.qemu.exitCode !== null || this.qemu.signalCode !== null
  }
}

let pc: Pc | undefined

afterEach(async () => {
  await pc?.unplug()
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

it('boots, makes a file system on an empty disk, and runs a container', async () => {
  writeFileSync(disk, '')
  truncateSync(disk, 4 * 2 ** 30)
  pc = new Pc()
  await pc.shows('berth-guest: ready')
  pc.type('go disk=/dev/vda link=port:berth addr=10.0.2.15/255.255.255.0 gw=10.0.2.2 dns=10.0.2.3 seed=5eed')
  await pc.shows('berth-guest: starting')
  const link = new Link(connect(linkSocket))

  const { facts } = await hello(link)
  const { kernel } = JSON.parse(readFileSync(join(image, 'manifest.json'), 'utf8')) as { kernel: string }
  expect(facts).toMatchObject({ kernel, arch: 'amd64', hostname: 'berth', cgroup: '2', runtime: 'crun' })
  expect(facts).toMatchObject({
    resolvers: ['10.0.2.3'],
    controls: expect.arrayContaining(['pids', 'cpuQuota']) as string[],
    seccomp: true,
  })

  expect(await applyStarter(link, 'amd64')).toBeGreaterThan(1e6)
  await link.call('network.ensure', network)
  const command = "uname -snm; ulimit -n; ip -4 addr show eth0 | awk '/inet/{print $2}'"
  const limits = { pids: { limit: 100 }, memory: { limit: 2 ** 26 } }
  await link.call('container.start', containerOf('test', command, limits))
  expect(await output(link, 'test')).toBe('Linux berth-test x86_64\n1048576\n172.30.0.2/16\n')

  await link.call('shutdown', { timeout: 1, powerOff: true })
  await pc.poweredOff()
  link.close()
})

it('finds what is on the disk again, with its words on the kernel command line', async () => {
  pc = new Pc('berth.disk=/dev/vda berth.link=port:berth berth.go')
  await pc.shows('berth-guest: starting')
  const link = new Link(connect(linkSocket))
  expect((await hello(link)).layers).toEqual([layer])
  link.close()
})

it('leaves a disk alone that holds something else, and says so', async () => {
  writeFileSync(disk, 'somebody else wrote this')
  truncateSync(disk, 2 ** 26)
  pc = new Pc('berth.disk=/dev/vda berth.link=port:berth berth.go')
  await pc.shows('berth-guest: failed disk')
  await pc.poweredOff()
  expect(readFileSync(disk, 'latin1').replace(/\0+$/, '')).toBe('somebody else wrote this')
})
