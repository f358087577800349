import { expect, test } from 'vitest'
import { frame, STDERR, STDOUT } from '../../../shared/stdio'
import { LogBuffer, LogReader } from './log-buffer'

const bytes = (text: string) => new TextEncoder().encode(text)
const plain = (buffer: LogBuffer) => {
  buffer.settle()
  return buffer.lines.map((line) => line.plain)
}
function open(tty = false) {
  const buffer = new LogBuffer()
  const reader = new LogReader('a', buffer)
  return { buffer, reader, take: reader.open(tty) }
}

test('lines of both streams, cut anywhere, in the order of their ends', () => {
  const { buffer, take } = open()
  const framed = [
    frame(STDOUT, bytes('2026-01-01T00:00:00.1Z hel')),
    frame(STDERR, bytes('2026-01-01T00:00:00.2Z oops\n')),
    frame(STDOUT, bytes('lo\n')),
  ]
  for (const byte of framed.flatMap((part) => [...part])) take(Uint8Array.of(byte))
  expect(plain(buffer)).toEqual(['hello', 'oops'])
  expect(buffer.lines.map((line) => line.stream)).toEqual([STDOUT, STDERR])
})

test('a terminal has no frames and carriage returns', () => {
  const { buffer, take } = open(true)
  take(bytes('2026-01-01T00:00:00.1Z 10%\r20%\r100%\r\n'))
  expect(plain(buffer)).toEqual(['100%'])
})

test('a colour goes on in the next line', () => {
  const { buffer, take } = open(true)
  take(bytes('2026-01-01T00:00:00.1Z \x1b[31mred\n2026-01-01T00:00:00.2Z still\n'))
  plain(buffer)
  expect(buffer.lines[1]!.style.color).toBe('var(--ansi-1)')
})

test('after a reconnect, lines that are there already are passed over', () => {
  const { buffer, reader, take } = open(true)
  take(bytes('2026-01-01T00:00:00.1Z one\n2026-01-01T00:00:00.2Z two\n'))
  reader.open(true)(bytes('2026-01-01T00:00:00.2Z two\n2026-01-01T00:00:00.3Z three\n'))
  expect(plain(buffer)).toEqual(['one', 'two', 'three'])
})

test('several logs come together by time, also what comes late', () => {
  const buffer = new LogBuffer()
  const [a, b] = ['a', 'b'].map((source) => new LogReader(source, buffer).open(true))
  a!(bytes('2026-01-01T00:00:01Z a1\n2026-01-01T00:00:03Z a3\n'))
  expect(plain(buffer)).toEqual(['a1', 'a3'])
  b!(bytes('2026-01-01T00:00:02Z b2\n2026-01-01T00:00:04Z b4\n'))
  a!(bytes('2026-01-01T00:00:05Z a5\n'))
  expect(plain(buffer)).toEqual(['a1', 'b2', 'a3', 'b4', 'a5'])
  expect(new Set(buffer.lines.map((line) => line.number)).size).toBe(5)
})

test('only the newest 100,000 lines are kept', () => {
  const { buffer, take } = open(true)
  for (let i = 0; i < 106; i++) {
    take(bytes(Array.from({ length: 1000 }, (_, j) => `2026-01-01T00:00:00Z ${i * 1000 + j}\n`).join('')))
    buffer.settle()
  }
  expect(buffer.lines).toHaveLength(100_000)
  expect(buffer.lines.at(-1)!.plain).toBe('105999')
})
