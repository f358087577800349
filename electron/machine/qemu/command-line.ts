import { join } from 'node:path'
import type { MachineSize } from '../machine'
import type { Qemu } from './find'
import type { Addresses } from './places'

/** Changes whenever the devices below change: a suspended guest fits only the devices that it had. */
export const deviceLayout = 1

/** The user-mode network of QEMU's that the guest is in, and what it is told on its command line. */
const network = { guest: '10.0.2.15', gateway: '10.0.2.2', dns: '10.0.2.3', netmask: '255.255.255.0' }

/**
 * What the kernel leaves out that no guest of ours needs: tests of itself, keeping back the processor's guesses where it
 * is emulated, waits for devices that are not there.
 */
const kernelWords = [
  'quiet panic=-1 nokaslr tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on apparmor=0 audit=0',
  'rcupdate.rcu_expedited=1 initcall_blacklist=crypto_kdf108_init,init_kprobe_trace,tracer_init_tracefs',
  'pci=lastbus=0 8250.nr_uarts=1 libata.force=disable i8042.noaux i8042.nokbd i8042.nopnp',
]

export interface VmParts extends MachineSize {
  guestDir: string
  initrd: string
  diskFile: string
  addresses: Addresses
  /** The guest comes from a suspended one's memory. */
  resume: boolean
}

/** QEMU's arguments for our PC; the guest waits for `cont`. */
export function commandLine(qemu: Qemu, parts: VmParts): string[] {
  const { accelerator, guest } = qemu
  const { addresses, cpus, memory } = parts
  const emulated = accelerator === 'tcg'
  const console_ = guest === 'amd64' ? 'ttyS0' : 'ttyAMA0'
  const words = [
    `console=${console_}`,
    ...kernelWords,
    ...(emulated ? ['mitigations=off'] : []),
    `berth.addr=${network.guest}/${network.netmask} berth.gw=${network.gateway} berth.dns=${network.dns}`,
    'berth.disk=/dev/vda,discard berth.link=port:berth berth.go',
  ]
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-S', '-name', 'berth'],
    ...['-machine', guest === 'amd64' ? 'pc,usb=off,vmport=off,hpet=off' : 'virt'],
    ...['-accel', emulated ? 'tcg,thread=multi' : accelerator],
    ...['-cpu', emulated ? 'max' : 'host', '-smp', String(cpus), '-m', `${Math.floor(memory / 2 ** 20)}M`],
    ...['-kernel', join(parts.guestDir, 'vmlinuz'), '-initrd', join(parts.guestDir, parts.initrd)],
    ...['-append', words.join(' ')],
    ...['-blockdev', `driver=file,node-name=file,filename=${escape(parts.diskFile)},discard=unmap`],
    ...['-blockdev', 'driver=raw,node-name=disk,file=file,discard=unmap,detect-zeroes=unmap'],
    ...['-device', 'virtio-blk-pci,drive=disk,id=vda'],
    ...['-netdev', 'user,id=net,ipv6=off', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', chardev('link', addresses.link), '-device', 'virtserialport,chardev=link,name=berth'],
    ...['-chardev', chardev('console', addresses.console), '-serial', 'chardev:console'],
    ...['-chardev', chardev('control', addresses.control), '-mon', 'chardev=control,mode=control'],
    ...(parts.resume ? ['-incoming', 'defer'] : []),
  ]
}

function chardev(id: string, address: string): string {
  const pipe = '\\\\.\\pipe\\'
  if (address.startsWith(pipe)) return `pipe,id=${id},path=${escape(address.slice(pipe.length))}`
  return `socket,id=${id},path=${escape(address)},server=on,wait=off`
}

/** QEMU's options are separated by commas; one in a value is doubled. */
const escape = (value: string) => value.replaceAll(',', ',,')
