import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { V86 } from 'v86'
import type { Disk } from './disk'
import { Core, type CoreImports } from './core'
import { Gateway, guestNetwork } from './net/gateway'
import type { P9Server } from './p9'
import type { OpenSnapshot, Snapshot } from './snapshot'

/** Changes whenever the devices below change, because a snapshot fits only the devices that it was made with. */
export const deviceLayout = 3

/** The kernel's command line; a snapshot fits only the one that it was made with. */
export const commandLine =
  'console=ttyS0 quiet tsc=reliable no_timer_check init_on_alloc=0 init_on_free=1 cryptomgr.notests noisapnp pnpbios=off apparmor=0 ' +
  'rcupdate.rcu_expedited=1 initcall_blacklist=crypto_kdf108_init,init_kprobe_trace ' +
  `berth.addr=${guestNetwork.guest}/${guestNetwork.netmask} berth.gw=${guestNetwork.gateway} ` +
  'berth.disk=/dev/sda berth.9p=host9p,msize=131072,cache=none berth.link=/mnt/rx,/mnt/tx'

export interface PcParts {
  guestDir: string
  /** Name of the initial RAM disk in there; its end says how it is compressed. */
  initrd: string
  memory: number
  disk: Disk
  p9: P9Server
  /** A line of the guest's console. */
  onConsole: (line: string) => void
  /** The processor was halted with interrupts off: the guest has turned itself off, or its kernel is dead. */
  onHalt: () => void
}

/** A PC: the v86 emulator with our devices. */
export interface Pc {
  /** Lets it go on, at first or after `freeze`. */
  run(): Promise<void>
  /** Types a line on the console. */
  type(line: string): void
  /** Forgets the compiled code of the guest, see Core. */
  forgetCode(): void
  /**
   * Stops the PC and gives what a snapshot has of it. No file of the 9p share may be open; the memory is the live one,
   * of use until `run`.
   */
  freeze(): Promise<Omit<Snapshot, 'disk' | 'rehearsed'>>
}

/** Makes a PC that boots once it runs, or goes on from a snapshot of an earlier one. Throws `DamagedSnapshot`. */
export async function makePc(parts: PcParts, snapshot?: OpenSnapshot): Promise<Pc> {
  const { V86 } = await import('v86')
  const coreModule = snapshot ? Core.codeIn(snapshot.code) : { wasm: await coreFile(), native: new Uint8Array(0) }
  const file = async (name: string) => ({ buffer: toArrayBuffer(await readFile(join(parts.guestDir, name))) })
  let core: Core | undefined
  const emulator = new V86({
    bios: await file('seabios.bin'),
    vga_bios: await file('vgabios.bin'),
    ...(snapshot ? {} : { bzimage: await file('vmlinuz'), initrd: await file(parts.initrd), cmdline: commandLine }),
    wasm_fn: async (imports) => {
      core = await Core.instantiate(coreModule, imports as unknown as CoreImports, parts.disk, parts.onHalt)
      return core.exports as never
    },
    memory_size: parts.memory,
    vga_memory_size: 2 * 1024 * 1024,
    hda: parts.disk as never,
    filesystem: { handle9p: (request, reply) => parts.p9.receive(request, reply) },
    net_device: { type: 'virtio' },
    preserve_mac_from_state_image: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  })
  await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', () => resolve()))
  readLines(emulator, parts.onConsole)
  const gateway = new Gateway((frame) => busOf(emulator).send('net0-receive', frame))
  emulator.add_listener('net0-send', (frame: Uint8Array) => gateway.receive(frame))
  if (snapshot) {
    await emulator.restore_state(toArrayBuffer(snapshot.state))
    core!.restore(snapshot, snapshot.memoryLength, snapshot.readMemory)
    parts.p9.restore(snapshot.share)
  }
  return {
    run: async () => emulator.run(),
    type: (text) => emulator.serial0_send(`${text}\n`),
    forgetCode: () => core!.forgetCode(),
    freeze: async () => {
      await emulator.stop()
      await parts.disk.idle()
      const state = new Uint8Array(await emulator.save_state())
      return { state, share: parts.p9.state!, ...core!.state() }
    },
  }
}

function coreFile(): Promise<Buffer> {
  return readFile(join(dirname(createRequire(__filename).resolve('v86')), 'v86.wasm'))
}

function readLines(emulator: V86, onLine: (line: string) => void): void {
  let line = ''
  emulator.add_listener('serial0-output-byte', (byte: number) => {
    if (byte !== 10) line += byte === 13 ? '' : String.fromCharCode(byte)
    else {
      onLine(line)
      line = ''
    }
  })
}

/** v86's internal events, which its types leave out. */
function busOf(emulator: V86): { send(event: string, data: Uint8Array): void } {
  return (emulator as unknown as { bus: { send(event: string, data: Uint8Array): void } }).bus
}

/** The bytes of a Buffer as an ArrayBuffer of their own. */
function toArrayBuffer(buffer: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(buffer.length)
  new Uint8Array(copy).set(buffer)
  return copy
}
