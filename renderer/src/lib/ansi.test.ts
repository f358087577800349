import { describe, expect, it } from 'vitest'
import { parseAnsi, stripAnsi } from './ansi'

describe('parseAnsi', () => {
  it('leaves plain text whole', () => {
    expect(parseAnsi('hello').segments).toEqual([{ text: 'hello', style: {} }])
  })
  it('colours and resets', () => {
    const { segments, end } = parseAnsi('\x1b[1;31merror\x1b[0m: no')
    expect(segments).toEqual([
      { text: 'error', style: { bold: true, color: 'var(--ansi-1)' } },
      { text: ': no', style: {} },
    ])
    expect(end).toEqual({})
  })
  it('carries the style into the next line', () => {
    const { end } = parseAnsi('\x1b[32mgreen')
    expect(parseAnsi('still', end).segments[0]!.style.color).toBe('var(--ansi-2)')
  })
  it('knows 256 colours and true colour', () => {
    expect(parseAnsi('\x1b[38;5;196mx').segments[0]!.style.color).toBe('rgb(255 0 0)')
    expect(parseAnsi('\x1b[38;5;232mx').segments[0]!.style.color).toBe('rgb(8 8 8)')
    expect(parseAnsi('\x1b[48;2;1;2;3mx').segments[0]!.style.background).toBe('rgb(1 2 3)')
  })
  it('drops cursor movement, titles and other escapes', () => {
    expect(stripAnsi('\x1b[2Ka\x1b]0;title\x07b\x1b[?25lc')).toBe('abc')
  })
})
