import { describe, expect, it } from 'vitest'
import { LogBuffer } from './log-buffer'

const encode = (text: string) => new TextEncoder().encode(text)
const frame = (stream: number, text: string) => {
  const bytes = encode(text)
  const out = new Uint8Array(8 + bytes.length)
  out[0] = stream
  new DataView(out.buffer).setUint32(4, bytes.length)
  out.set(bytes, 8)
  return out
}

describe('LogBuffer', () => {
  it('takes frames apart, whatever the chunks', () => {
    const buffer = new LogBuffer()
    const read = buffer.reader(false)
    const all = [frame(1, '2026-01-01T00:00:01.000000000Z héllo\n'), frame(2, '2026-01-01T00:00:02.000000000Z bad\n')]
    for (const byte of all.flatMap((part) => [...part])) read(Uint8Array.of(byte))
    expect(buffer.lines.map(({ stream, plain }) => [stream, plain])).toEqual([
      [1, 'héllo'],
      [2, 'bad'],
    ])
  })
  it('passes over what it has after a reconnect', () => {
    const buffer = new LogBuffer()
    buffer.reader(true)(encode('2026-01-01T00:00:01.000000000Z a\n2026-01-01T00:00:02.000000000Z b\n'))
    buffer.reader(true)(encode('2026-01-01T00:00:02.000000000Z b\n2026-01-01T00:00:03.000000000Z c\n'))
    expect(buffer.lines.map(({ plain }) => plain)).toEqual(['a', 'b', 'c'])
  })
  it('shows the last state of a rewritten line, and drops the carriage return of a tty', () => {
    const buffer = new LogBuffer()
    buffer.reader(true)(encode('2026-01-01T00:00:01Z 10%\r50%\r100%\r\n'))
    expect(buffer.lines[0]!.text).toBe('100%')
  })
  it('keeps the newest 100,000 lines and their numbers', () => {
    const buffer = new LogBuffer()
    const read = buffer.reader(true)
    for (let i = 0; i < 105_001; i++) read(encode(`2026-01-01T00:00:01Z line ${i}\n`))
    expect(buffer.lines.length).toBe(100_000)
    expect(buffer.lines.at(-1)).toMatchObject({ number: 105_000, plain: 'line 105000' })
  })
  it('carries colours into the next line of the same stream', () => {
    const buffer = new LogBuffer()
    buffer.reader(true)(encode('T \x1b[31mred\nT still\n'))
    expect(buffer.lines[1]!.style.color).toBe('var(--ansi-1)')
  })
})
