/** How a piece of text looks: the SGR attributes of ECMA-48 that matter in a log. Colours are CSS values. */
export interface AnsiStyle {
  color?: string
  background?: string
  bold?: boolean
  dim?: boolean
  italic?: boolean
  underline?: boolean
}

export interface AnsiSegment {
  text: string
  style: AnsiStyle
}

// CSI sequences, OSC sequences (ended by BEL or ST), and the two-character escapes.
// eslint-disable-next-line no-control-regex
const escapes = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_]/g

/** The text without its escape sequences. */
export function stripAnsi(text: string): string {
  return text.includes('\x1b') ? text.replace(escapes, '') : text
}

/** Takes a line apart into pieces of one style each. `start` is the style that the line before ended with. */
export function parseAnsi(text: string, start: AnsiStyle = {}): { segments: AnsiSegment[]; end: AnsiStyle } {
  if (!text.includes('\x1b')) return { segments: text ? [{ text, style: start }] : [], end: start }
  const segments: AnsiSegment[] = []
  let style = start
  let at = 0
  for (const match of text.matchAll(escapes)) {
    if (match.index > at) segments.push({ text: text.slice(at, match.index), style })
    at = match.index + match[0].length
    if (match[2] === 'm') style = applySgr(style, match[1] ?? '')
  }
  if (at < text.length) segments.push({ text: text.slice(at), style })
  return { segments, end: style }
}

function applySgr(before: AnsiStyle, parameters: string): AnsiStyle {
  const codes = parameters.split(/[;:]/).map(Number)
  let style = { ...before }
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!
    if (code === 0) style = {}
    else if (code === 1) style.bold = true
    else if (code === 2) style.dim = true
    else if (code === 3) style.italic = true
    else if (code === 4) style.underline = true
    else if (code === 22) style.bold = style.dim = undefined
    else if (code === 23) style.italic = undefined
    else if (code === 24) style.underline = undefined
    else if (code === 39) style.color = undefined
    else if (code === 49) style.background = undefined
    else if (code === 38 || code === 48) {
      const { color, used } = extendedColor(codes.slice(i + 1))
      if (code === 38) style.color = color
      else style.background = color
      i += used
    } else if (code >= 30 && code <= 37) style.color = `var(--ansi-${code - 30})`
    else if (code >= 90 && code <= 97) style.color = `var(--ansi-${code - 82})`
    else if (code >= 40 && code <= 47) style.background = `var(--ansi-${code - 40})`
    else if (code >= 100 && code <= 107) style.background = `var(--ansi-${code - 92})`
  }
  return style
}

/** The colour after a 38 or 48: `5;N` of the 256-colour table or `2;R;G;B`. */
function extendedColor(codes: number[]): { color?: string; used: number } {
  if (codes[0] === 2) return { color: `rgb(${codes.slice(1, 4).join(' ')})`, used: 4 }
  if (codes[0] !== 5) return { used: 0 }
  const index = codes[1] ?? 0
  if (index < 16) return { color: `var(--ansi-${index})`, used: 2 }
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return { color: `rgb(${grey} ${grey} ${grey})`, used: 2 }
  }
  const level = (n: number) => (n ? 55 + n * 40 : 0)
  const cube = index - 16
  return {
    color: `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`,
    used: 2,
  }
}
