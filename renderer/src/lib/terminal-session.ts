import { FitAddon } from '@xterm/addon-fit'
import { type ITheme, Terminal } from '@xterm/xterm'
import { ref } from 'vue'
import { json, messageOf, request } from '../api/client'
import { call, openTerminal, type TerminalPort } from '../bridge'

/** A shell that a person may ask for; the first takes the best that the container has. */
export const shells = [
  { name: 'shell', command: ['/bin/sh', '-c', 'command -v bash >/dev/null && exec bash; exec sh'] },
  { name: 'sh', command: ['sh'] },
  { name: 'bash', command: ['bash'] },
  { name: 'ash', command: ['ash'] },
  { name: 'zsh', command: ['zsh'] },
] as const
export type Shell = (typeof shells)[number]

/**
 * One shell in a container and the terminal that shows it. It lives, and its output is kept, also while no page shows
 * it; `show` puts it into a page and `hide` takes it out.
 */
export class TerminalSession {
  /** Why the session is over, for a person. */
  readonly ended = ref<string>()
  readonly #element = document.createElement('div')
  readonly #terminal = new Terminal({
    fontFamily: 'JetBrains Mono Variable, monospace',
    fontSize: 13,
    lineHeight: 1.2,
    cursorBlink: true,
    scrollback: 10_000,
    theme: currentTheme(),
  })
  readonly #fit = new FitAddon()
  readonly #resizes = new ResizeObserver(() => this.#element.clientWidth && this.#fit.fit())
  #port: TerminalPort | undefined
  #exec: string | undefined
  #opened = false

  constructor(
    readonly id: number,
    readonly container: string,
    readonly shell: Shell,
  ) {
    this.#element.className = 'h-full'
    this.#terminal.loadAddon(this.#fit)
    this.#terminal.attachCustomKeyEventHandler((event) => this.#takes(event))
    this.#terminal.onResize(() => void this.#resize())
    this.#terminal.onData((data) => this.#port?.send({ type: 'input', data }))
    dark.addEventListener('change', this.#recolor)
  }

  /** Draws it in `parent`; the first time starts the shell, in a terminal of that size. */
  show(parent: HTMLElement): void {
    parent.append(this.#element)
    if (!this.#opened) {
      this.#opened = true
      this.#terminal.open(this.#element)
      this.#fit.fit()
      void this.#start()
    } else this.#fit.fit()
    this.#resizes.observe(this.#element)
    this.#terminal.focus()
  }

  hide(): void {
    this.#resizes.disconnect()
    this.#element.remove()
  }

  /** Ends the shell too. */
  close(): void {
    this.hide()
    dark.removeEventListener('change', this.#recolor)
    this.#port?.close()
    this.#terminal.dispose()
  }

  async #start(): Promise<void> {
    try {
      const { Id } = await json<{ Id: string }>('POST', `/containers/${this.container}/exec`, {
        body: {
          Cmd: this.shell.command,
          Tty: true,
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          Env: ['TERM=xterm-256color'],
        },
      })
      this.#exec = Id
      let sized = false
      this.#port = openTerminal(Id, (message) => {
        if (message.type === 'end') {
          this.ended.value = message.error ?? 'The shell has ended.'
          return
        }
        // The exec has a size only once it runs.
        if (!sized) void this.#resize()
        sized = true
        this.#terminal.write(message.data, () => this.#port?.send({ type: 'taken', bytes: message.data.length }))
      })
    } catch (cause) {
      this.ended.value = messageOf(cause)
    }
  }

  async #resize(): Promise<void> {
    const { rows, cols } = this.#terminal
    // A session that has just ended can't be resized, which does not matter any more.
    if (this.#exec)
      await request('POST', `/exec/${this.#exec}/resize`, { query: { h: rows, w: cols } }).catch(() => undefined)
  }

  /** Keys that are the window's and not the shell's: copy, and the way out of the terminal. */
  #takes(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown') return true
    if (event.ctrlKey && event.shiftKey && event.code === 'KeyC') {
      const text = this.#terminal.getSelection()
      if (text) void call('app', 'copy', text)
      event.preventDefault()
      return false
    }
    if (event.key === 'F6') {
      this.#terminal.blur()
      return false
    }
    return true
  }

  readonly #recolor = () => (this.#terminal.options.theme = currentTheme())
}

const dark = matchMedia('(prefers-color-scheme: dark)')

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
