import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { V86 } from 'v86'
import type { Disk } from './disk'
import { Gateway, guestNetwork } from './net/gateway'
import { Pacing } from './pacing'
import type { P9Server } from './p9'

/** Changes whenever the devices below change, because a snapshot fits only the devices that it was made with. */
export const deviceLayout = 1

/** The kernel's command line; a snapshot fits only the one that it was made with. */
export const commandLine =
  'console=ttyS0 quiet tsc=reliable no_timer_check init_on_alloc=0 init_on_free=1 cryptomgr.notests noisapnp pnpbios=off ' +
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

/** A running PC: the v86 emulator with our devices. */
export interface Pc {
  emulator: V86
  /** Types a line on the console. */
  type(line: string): void
}

/** Makes a PC and boots it, or lets it go on from the `state` of an earlier one (see v86's save_state). */
export async function startPc(parts: PcParts, state?: ArrayBuffer): Promise<Pc> {
  const { V86 } = await import('v86')
  const wasm = await readFile(join(dirname(createRequire(__filename).resolve('v86')), 'v86.wasm'))
  const file = async (name: string) => ({ buffer: toArrayBuffer(await readFile(join(parts.guestDir, name))) })
  const kernel = { bzimage: await file('vmlinuz'), initrd: await file(parts.initrd), cmdline: commandLine }
  const emulator = new V86({
    bios: await file('seabios.bin'),
    vga_bios: await file('vgabios.bin'),
    ...(state ? {} : kernel),
    wasm_fn: (imports) => instantiate(wasm, imports as unknown as WasmImports, parts),
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
  if (state) await emulator.restore_state(state)
  await emulator.run()
  return { emulator, type: (text) => emulator.serial0_send(`${text}\n`) }
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

type WasmImports = Record<string, Record<string, (...args: number[]) => unknown>>

/** v86's core with some of its seams taken: the main loop, port writes, the halt event and the clearing of memory. */
async function instantiate(wasm: Buffer, imports: WasmImports, parts: PcParts): Promise<WebAssembly.Exports> {
  const env = imports.env!
  env.cpu_event_halt = parts.onHalt
  env.io_port_write8 = watchFlush(env.io_port_write8 as PortWrite, parts.disk)
  const { instance } = await WebAssembly.instantiate(wasm, imports)
  const core = instance.exports as Record<string, (...args: number[]) => number>
  const pacing = new Pacing()
  const main_loop = () => {
    const began = performance.now()
    const wanted = core.main_loop!()
    return pacing.next(began, performance.now(), wanted)
  }
  // Only restoring a state clears memory, all of it. A new PC's memory is clear but for what the firmware has put into
  // the first mebibyte; touching the rest would cost 0.3 s and make all of it resident.
  const zero_memory = (address: number, size: number) => core.zero_memory!(address, Math.min(size, 1 << 20))
  return { ...core, main_loop, zero_memory }
}

type PortWrite = (port: number, value: number) => void

/** ATA's command register of the first drive and its two flush commands (ATA8-ACS 7.10, 7.11). */
const ataCommand = 0x1f7
const flushCache = new Set([0xe7, 0xea])

/**
 * v86 answers FLUSH CACHE at once and tells nobody. Here the command reaches the drive only after the file is flushed,
 * so the guest's fsync means what it says. (The guest's kernel waits for the drive's interrupt, so it can't tell.)
 */
function watchFlush(write: PortWrite, disk: Disk): PortWrite {
  return (port, value) => {
    if (port !== ataCommand || !flushCache.has(value)) return write(port, value)
    void disk.flush().finally(() => write(port, value))
  }
}

/** The bytes of a Buffer as an ArrayBuffer of their own. */
function toArrayBuffer(buffer: Buffer): ArrayBuffer {
  const copy = new ArrayBuffer(buffer.length)
  new Uint8Array(copy).set(buffer)
  return copy
}
