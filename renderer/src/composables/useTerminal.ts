import { FitAddon } from '@xterm/addon-fit'
import { type ITheme, Terminal } from '@xterm/xterm'
import { onScopeDispose, ref, type ShallowRef, watch } from 'vue'
import { json, messageOf, request } from '../api/client'
import { openTerminal, type TerminalPort } from '../bridge'

/** The best shell that the container has. */
const shell = ['/bin/sh', '-c', 'command -v bash >/dev/null && exec bash; exec sh']

/** A terminal drawn in `screen` that runs a shell in the container `id`; without an id there is none. */
export function useTerminal(screen: Readonly<ShallowRef<HTMLElement | null>>, id: () => string | undefined) {
  /** Why the session is over, for a person. */
  const ended = ref<string>()
  let terminal: Terminal | undefined
  let port: TerminalPort | undefined
  let resizes: ResizeObserver | undefined

  function close(): void {
    port?.close()
    resizes?.disconnect()
    terminal?.dispose()
    port = terminal = resizes = undefined
  }

  async function open(): Promise<void> {
    close()
    const container = id()
    const element = screen.value
    if (!container || !element) return
    ended.value = undefined
    const term = (terminal = new Terminal({
      fontFamily: 'JetBrains Mono Variable, monospace',
      fontSize: 13,
      lineHeight: 1.2,
      cursorBlink: true,
      scrollback: 10_000,
      theme: currentTheme(),
    }))
    const fit = new FitAddon()
    term.loadAddon(fit)
    term.open(element)
    fit.fit()
    try {
      const { Id } = await json<{ Id: string }>('POST', `/containers/${container}/exec`, {
        body: {
          Cmd: shell,
          Tty: true,
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          Env: ['TERM=xterm-256color'],
        },
      })
      if (term !== terminal) return
      join(term, Id)
      watchSize(term, fit, element, Id)
    } catch (cause) {
      ended.value = messageOf(cause)
    }
  }

  function join(term: Terminal, exec: string): void {
    let sized = false
    // A click on the tab takes the focus after the terminal was made.
    term.focus()
    port = openTerminal(exec, (message) => {
      if (message.type === 'end') {
        ended.value = message.error ?? 'The shell has ended.'
        return
      }
      // The exec has a size only once it runs.
      if (!sized) void resize(exec, term)
      sized = true
      term.write(message.data, () => port?.send({ type: 'taken', bytes: message.data.length }))
    })
    term.onData((data) => port?.send({ type: 'input', data }))
  }

  function watchSize(term: Terminal, fit: FitAddon, element: HTMLElement, exec: string): void {
    resizes = new ResizeObserver(() => fit.fit())
    resizes.observe(element)
    term.onResize(() => void resize(exec, term))
  }

  const dark = matchMedia('(prefers-color-scheme: dark)')
  const recolor = () => terminal && (terminal.options.theme = currentTheme())
  dark.addEventListener('change', recolor)
  watch([screen, id], () => void open(), { flush: 'post', immediate: true })
  onScopeDispose(() => {
    dark.removeEventListener('change', recolor)
    close()
  })
  return { ended, open }
}

async function resize(exec: string, { rows, cols }: Terminal): Promise<void> {
  // A session that has just ended can't be resized, which does not matter any more.
  await request('POST', `/exec/${exec}/resize`, { query: { h: rows, w: cols } }).catch(() => undefined)
}

/** The design tokens as xterm takes them: it needs plain colours, so the browser works each one out. */
function currentTheme(): ITheme {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
  const style = getComputedStyle(document.documentElement)
  const color = (token: string) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = style.getPropertyValue(token)
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
    return `#${[r!, g!, b!, a!].map((part) => part.toString(16).padStart(2, '0')).join('')}`
  }
  const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const
  const theme: ITheme = {
    background: color('--sunken'),
    foreground: color('--ink'),
    cursor: color('--accent'),
    cursorAccent: color('--sunken'),
    selectionBackground: color('--accent-soft'),
  }
  names.forEach((name, index) => {
    theme[name] = color(`--ansi-${index}`)
    theme[`bright${name[0]!.toUpperCase()}${name.slice(1)}` as 'brightRed'] = color(`--ansi-${index + 8}`)
  })
  return theme
}
