import type { Disk } from './disk'

/** The functions that v86's core imports, by name. */
type Ports = Record<string, unknown>
type Read = (port: number) => number
type Write = (port: number, value: number) => void

/** ATA's data and command registers of the first drive. */
const dataPort = 0x1f0
const commandPort = 0x1f7
/** ATA8-ACS 7.12, 7.11 and 7.10. */
const identify = 0xec
const flushCache = new Set([0xe7, 0xea])
/** Words of what IDENTIFY DEVICE answers that tell which commands there are and which are on; the write cache's bit. */
const commandSets = new Set([82, 85])
const writeCache = 1 << 5

/**
 * Has the emulated drive say that it caches writes, and empties that cache when it is told to. What the guest writes is
 * first in the host's page cache, but v86's drive denies having any cache, so the guest would never flush it, and answers
 * FLUSH CACHE at once. Here the command reaches the drive only after the file is flushed, so the guest's fsync means what
 * it says. (The guest's kernel waits for the drive's interrupt, so it can't tell.)
 */
export function watchDrive(ports: Ports, disk: Pick<Disk, 'flush'>): void {
  const write8 = ports.io_port_write8 as Write
  const read16 = ports.io_port_read16 as Read
  const read32 = ports.io_port_read32 as Read
  /** Number of the next word of the answer to IDENTIFY DEVICE. */
  let word = Infinity
  const answered = (value: number): number => (commandSets.has(word++) ? value | writeCache : value)

  ports.io_port_write8 = (port: number, value: number) => {
    if (port !== commandPort) return write8(port, value)
    word = value === identify ? 0 : Infinity
    if (flushCache.has(value)) void disk.flush().finally(() => write8(port, value))
    else write8(port, value)
  }
  ports.io_port_read16 = (port: number) => {
    const value = read16(port)
    return port === dataPort ? answered(value) : value
  }
  ports.io_port_read32 = (port: number) => {
    const value = read32(port)
    if (port !== dataPort) return value
    const low = answered(value & 0xffff)
    return low | (answered(value >>> 16) << 16)
  }
}
