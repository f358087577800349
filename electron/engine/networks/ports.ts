import { EngineError } from '../errors'
import { listenTcp, type Dial, type Listener } from './tcp-proxy'
import { listenUdp, type DialDatagrams } from './udp-proxy'

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
  /** The ids of the networks that the container is in. */
  networks: string[]
}

export interface PortsOptions {
  dial: Dial
  dialDatagrams: DialDatagrams
  /** Whether who has this address may reach containers in these networks: not one in other networks of ours. */
  mayReach: (remote: string, networks: string[]) => boolean
}

interface Published {
  target: PortTarget
  listeners: { binding: PortBinding; listener: Listener }[]
}

/** Another free port is tried so often when one is free for IPv4 and not for IPv6. */
const tries = 10

/** Published ports: listeners on the host whose connections and datagrams are carried to the container. */
export class Ports {
  private readonly published = new Map<string, Published>()

  constructor(private readonly options: PortsOptions) {}

  /**
   * Listens on every binding or on none; answers the bindings with the ports chosen, for '' one each for 0.0.0.0 and
   * (where the host has IPv6) ::. Throws 'internal' in Docker's words when a port is taken.
   */
  async publish(containerId: string, bindings: PortBinding[], target: PortTarget): Promise<PortBinding[]> {
    const published: Published = { target, listeners: [] }
    this.published.set(containerId, published)
    try {
      for (const binding of bindings) await this.publishOne(published, binding)
    } catch (error) {
      this.release(containerId)
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError(
        'internal',
        `driver failed programming external connectivity on endpoint ${target.endpoint}: ${reason}`,
      )
    }
    return published.listeners.map(({ binding }) => binding)
  }

  /** From now on new connections go to another place of the container's. */
  retarget(containerId: string, target: PortTarget): void {
    const published = this.published.get(containerId)
    if (published) published.target = target
  }

  /** Stops listening for the container and cuts its connections. */
  release(containerId: string): void {
    for (const { listener } of this.published.get(containerId)?.listeners ?? []) listener.close()
    this.published.delete(containerId)
  }

  private async publishOne(published: Published, binding: PortBinding): Promise<void> {
    if (binding.protocol === 'sctp') throw new Error('publishing SCTP ports is not available')
    if (binding.hostIp !== '') return this.listen(published, binding).then(() => undefined)
    for (let attempt = 1; ; attempt++) {
      const hostPort = await this.listen(published, { ...binding, hostIp: '0.0.0.0' })
      try {
        await this.listen(published, { ...binding, hostIp: '::', hostPort })
        return
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        // No IPv6 on this host is no failure; a taken port is, but for one that was ours to choose.
        if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') return
        if (binding.hostPort !== 0 || attempt === tries) throw error
        published.listeners.pop()!.listener.close()
      }
    }
  }

  private async listen(published: Published, binding: PortBinding): Promise<number> {
    const { hostIp, hostPort, containerPort, protocol } = binding
    if (hostPort !== 0 && this.isOurs(binding)) {
      throw new Error(`Bind for ${show(binding)} failed: port is already allocated`)
    }
    const { dial, dialDatagrams, mayReach } = this.options
    const admits = (remote: string) => mayReach(remote, published.target.networks)
    try {
      const listener =
        protocol === 'tcp'
          ? await listenTcp(hostIp, hostPort, admits, () => dial(published.target.address, containerPort))
          : await listenUdp(hostIp, hostPort, admits, (onDatagram, onEnd) =>
              dialDatagrams(published.target.address, containerPort, onDatagram, onEnd),
            )
      published.listeners.push({ binding: { ...binding, hostPort: listener.port }, listener })
      return listener.port
    } catch (error) {
      throw inDockersWords(error as NodeJS.ErrnoException, binding)
    }
  }

  private isOurs({ hostIp, hostPort, protocol }: PortBinding): boolean {
    const any = ['0.0.0.0', '::']
    return [...this.published.values()].some(({ listeners }) =>
      listeners.some(
        ({ binding }) =>
          binding.hostPort === hostPort &&
          binding.protocol === protocol &&
          binding.hostIp.includes(':') === hostIp.includes(':') &&
          (binding.hostIp === hostIp || any.includes(hostIp) || any.includes(binding.hostIp)),
      ),
    )
  }
}

function inDockersWords(error: NodeJS.ErrnoException, binding: PortBinding): Error {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'address already in use',
    EADDRNOTAVAIL: 'cannot assign requested address',
    EACCES: 'permission denied',
  }
  const reason = reasons[error.code ?? '']
  if (!reason) return error
  const family = `${binding.protocol}${binding.hostIp.includes(':') ? 6 : 4}`
  const message = `failed to bind host port for ${show(binding)}: listen ${family} ${show(binding)}: bind: ${reason}`
  return Object.assign(new Error(message, { cause: error }), { code: error.code })
}

function show({ hostIp, hostPort }: PortBinding): string {
  return hostIp.includes(':') ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`
}
