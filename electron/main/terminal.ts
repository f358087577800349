import { request } from 'node:http'
import type { Socket } from 'node:net'
import { ipcMain, type MessagePortMain } from 'electron'
import type { TerminalInput, TerminalOutput } from '../../shared/app'
import { parseHost } from '../../shared/paths'
import { assertOurs } from './calls'
import type { EngineService } from './engine-process'

/** Bytes of output that may be on their way to the window before the container's process has to wait. */
const window = 1024 * 1024

/**
 * Terminals: the window makes an exec over the API and hands main one end of a message channel. Main starts the exec
 * with the upgrade that the Docker Engine API calls hijacking, and joins the raw stream and the port.
 */
export function setupTerminals(engine: EngineService): void {
  ipcMain.on('berth:terminal', (event, exec: unknown) => {
    assertOurs(event)
    const [port] = event.ports
    if (!port || typeof exec !== 'string' || !/^[0-9a-f]{12,64}$/.test(exec)) return
    const { state } = engine
    if (state.phase === 'running') startExec(state.host, exec, port)
    else end(port, 'The engine is not running')
  })
}

function startExec(host: string, exec: string, port: MessagePortMain): void {
  const body = JSON.stringify({ Detach: false, Tty: true })
  const call = request({
    ...parseHost(host),
    method: 'POST',
    path: `/exec/${exec}/start`,
    agent: false,
    headers: {
      host: 'berth',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'Upgrade',
      upgrade: 'tcp',
    },
  })
  call.on('upgrade', (_response, socket, head) => join(socket as Socket, head, port))
  call.on('response', async (response) => {
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    end(
      port,
      text.startsWith('{') ? JSON.parse(text).message : `The engine answered with status ${response.statusCode}`,
    )
  })
  call.on('error', (error) => end(port, error.message))
  call.end(body)
}

function join(socket: Socket, head: Buffer, port: MessagePortMain): void {
  let outstanding = 0
  const send = (data: Buffer) => {
    port.postMessage({ type: 'data', data } satisfies TerminalOutput)
    outstanding += data.length
    if (outstanding > window) socket.pause()
  }
  if (head.length) send(head)
  socket.on('data', send)
  socket.on('error', (error) => end(port, error.message))
  socket.on('end', () => end(port))
  port.on('message', ({ data }: { data: TerminalInput }) => {
    if (data.type === 'input') socket.write(data.data)
    else if ((outstanding -= data.bytes) <= window) socket.resume()
  })
  port.on('close', () => socket.destroy())
  port.start()
}

function end(port: MessagePortMain, error?: string): void {
  port.postMessage({ type: 'end', error } satisfies TerminalOutput)
  port.close()
}
