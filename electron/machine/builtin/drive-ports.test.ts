import { expect, it, vi } from 'vitest'
import { watchDrive } from './drive-ports'

const data = 0x1f0
const command = 0x1f7

function drive() {
  const written: [number, number][] = []
  const flushed: (() => void)[] = []
  const ports = {
    io_port_write8: (port: number, value: number) => void written.push([port, value]),
    io_port_read16: () => 0x4000,
    io_port_read32: () => 0x4000_4000,
  }
  watchDrive(ports, { flush: () => new Promise<void>((resolve) => flushed.push(resolve)) })
  return { ports, written, flushed }
}

it('says that there is a write cache, and changes nothing else', () => {
  for (const wide of [false, true]) {
    const { ports } = drive()
    expect(ports.io_port_read16()).toBe(0x4000)
    ports.io_port_write8(command, 0xec)
    const words: number[] = []
    const [read16, read32] = [ports.io_port_read16, ports.io_port_read32] as ((port: number) => number)[]
    while (words.length < 256) {
      const value = wide ? read32!(data) : read16!(data)
      words.push(value & 0xffff)
      if (wide) words.push(value >>> 16)
    }
    const changed = words.flatMap((word, index) => (word === 0x4000 ? [] : [[index, word]]))
    expect(changed).toEqual([
      [82, 0x4020],
      [85, 0x4020],
    ])
    ports.io_port_write8(command, 0xc8)
    for (let read = 0; read < 256; read++) expect(read16!(data)).toBe(0x4000)
  }
})

it('lets a flush reach the drive once the file is flushed', async () => {
  const { ports, written, flushed } = drive()
  ports.io_port_write8(command, 0xca)
  ports.io_port_write8(command, 0xe7)
  expect(written).toEqual([[command, 0xca]])
  flushed[0]!()
  await vi.waitFor(() =>
    expect(written).toEqual([
      [command, 0xca],
      [command, 0xe7],
    ]),
  )
})
