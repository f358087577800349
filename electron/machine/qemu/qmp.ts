import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

interface Message {
  return?: unknown
  error?: { class: string; desc: string }
  id?: number
  event?: string
  data?: Record<string, unknown>
}

/** QEMU's control channel (the QEMU Machine Protocol, docs/interop/qmp-spec of QEMU): commands and events. */
export class Qmp {
  /** Resolves when QEMU, or this connection to it, has ended. */
  readonly closed: Promise<void>
  private nextId = 1
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  private listeners: ((event: string, data: Record<string, unknown>) => void)[] = []

  private constructor(private readonly socket: Socket) {
    createInterface({ input: socket })
      .on('line', (line) => this.receive(JSON.parse(line) as Message))
      // The socket's errors are told by its end.
      .on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        for (const { reject } of this.waiting.values()) reject(new Error('QEMU has ended'))
        this.waiting.clear()
        resolve()
      })
    })
  }

  /** Connects and leaves negotiation. Rejects when nobody listens there. */
  static async connect(address: string): Promise<Qmp> {
    const socket = connect(address)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const qmp = new Qmp(socket)
    await qmp.execute('qmp_capabilities')
    return qmp
  }

  /** One command. Rejects with QEMU's own words. */
  execute<T = unknown>(command: string, args?: Record<string, unknown>): Promise<T> {
    if (this.socket.destroyed) return Promise.reject(new Error('QEMU has ended'))
    const id = this.nextId++
    this.socket.write(JSON.stringify({ execute: command, ...(args && { arguments: args }), id }) + '\n')
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve: resolve as never, reject }))
  }

  onEvent(listener: (event: string, data: Record<string, unknown>) => void): void {
    this.listeners.push(listener)
  }

  /**
   * Waits for the end of a migration that has been asked for, by its events. Rejects with QEMU's reason when it fails,
   * and when QEMU ends.
   */
  async migrated(begin: () => Promise<unknown>): Promise<void> {
    const over = new Promise<string>((resolve) => {
      this.listeners.push((event, { status }) => {
        if (event === 'MIGRATION' && (status === 'completed' || status === 'failed')) resolve(status)
      })
    })
    await this.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    await begin()
    const status = await Promise.race([over, this.closed])
    if (status === 'completed') return
    if (status === undefined) throw new Error('QEMU has ended')
    const told = await this.execute<{ 'error-desc'?: string }>('query-migrate')
    throw new Error(told['error-desc'] ?? 'the migration failed')
  }

  close(): void {
    this.socket.destroy()
  }

  private receive(message: Message): void {
    if (message.event) {
      for (const listener of this.listeners) listener(message.event, message.data ?? {})
      return
    }
    const waiter = message.id === undefined ? undefined : this.waiting.get(message.id)
    if (!waiter) return
    this.waiting.delete(message.id!)
    if (message.error) waiter.reject(new Error(message.error.desc))
    else waiter.resolve(message.return)
  }
}
