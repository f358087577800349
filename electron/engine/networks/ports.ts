import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EngineError } from '../errors'

export interface PortBinding {
  /** '' is every address of the host. */
  hostIp: string
  /** 0 is any free port. */
  hostPort: number
  containerPort: number
  protocol: 'tcp' | 'udp' | 'sctp'
}

export interface PortTarget {
  /** The container's address. */
  address: string
  /** The endpoint's name for error messages, e.g. the container's name and endpoint id. */
  endpoint: string
}

/** Opens a byte stream to an address in the guest. */
export type Dial = (address: string, port: number) => Promise<Duplex>

/** Published ports: listeners on the host whose connections are carried to the container. */
export class Ports {
  private readonly servers = new Map<string, { server: Server; binding: PortBinding; connections: Set<Socket> }[]>()

  constructor(private readonly dial: Dial) {}

  /**
   * Listens on every binding or on none; answers the bindings with the ports chosen, for '' one each for 0.0.0.0 and
   * (where the host has IPv6) ::. Throws 'internal' in Docker's words when a port is taken.
   */
  async publish(containerId: string, bindings: PortBinding[], target: PortTarget): Promise<PortBinding[]> {
    try {
      for (const binding of bindings) await this.publishOne(containerId, binding, target)
    } catch (error) {
      this.release(containerId)
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError(
        'internal',
        `driver failed programming external connectivity on endpoint ${target.endpoint}: ${reason}`,
      )
    }
    return (this.servers.get(containerId) ?? []).map(({ binding }) => binding)
  }

  /** Stops listening for the container and cuts its connections. */
  release(containerId: string): void {
    for (const { server, connections } of this.servers.get(containerId) ?? []) {
      server.close()
      for (const socket of connections) socket.destroy()
    }
    this.servers.delete(containerId)
  }

  private async publishOne(containerId: string, binding: PortBinding, target: PortTarget): Promise<void> {
    if (binding.protocol !== 'tcp')
      throw new EngineError('unsupported', `publishing ${binding.protocol} ports is not available yet`)
    if (binding.hostIp !== '') {
      await this.listen(containerId, binding, target)
      return
    }
    const hostPort = await this.listen(containerId, { ...binding, hostIp: '0.0.0.0' }, target)
    try {
      await this.listen(containerId, { ...binding, hostIp: '::', hostPort }, target)
    } catch (error) {
      // No IPv6 on this host is no failure; a taken port is.
      if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }

  private async listen(containerId: string, binding: PortBinding, target: PortTarget): Promise<number> {
    if (binding.hostPort !== 0 && this.isOurs(binding)) {
      throw new Error(`Bind for ${show(binding)} failed: port is already allocated`)
    }
    const connections = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      connections.add(socket)
      socket.on('close', () => connections.delete(socket))
      socket.on('error', () => socket.destroy())
      void this.carry(socket, target.address, binding.containerPort)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'EADDRINUSE') {
          const family = binding.hostIp.includes(':') ? 'tcp6' : 'tcp4'
          error.message = `failed to bind host port for ${show(binding)}: listen ${family} ${show(binding)}: bind: address already in use`
        }
        reject(error)
      })
      server.listen({ host: binding.hostIp, port: binding.hostPort, ipv6Only: true }, resolve)
    })
    const address = server.address()
    const hostPort = typeof address === 'object' && address ? address.port : binding.hostPort
    const list = this.servers.get(containerId) ?? []
    list.push({ server, binding: { ...binding, hostPort }, connections })
    this.servers.set(containerId, list)
    return hostPort
  }

  private isOurs({ hostIp, hostPort }: PortBinding): boolean {
    const any = ['0.0.0.0', '::']
    for (const list of this.servers.values()) {
      for (const { binding } of list) {
        if (binding.hostPort !== hostPort) continue
        if (binding.hostIp.includes(':') !== hostIp.includes(':')) continue
        if (binding.hostIp === hostIp || any.includes(hostIp) || any.includes(binding.hostIp)) return true
      }
    }
    return false
  }

  private async carry(socket: Socket, address: string, port: number): Promise<void> {
    try {
      const far = await this.dial(address, port)
      await Promise.all([pipeline(socket, far), pipeline(far, socket)])
    } catch {
      // Refused inside or cut on either side: the client sees its connection end.
      socket.destroy()
    }
  }
}

function show({ hostIp, hostPort }: PortBinding): string {
  return hostIp.includes(':') ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`
}

/** A Dial for guests whose networks are this computer's own. */
export function dialHere(address: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
