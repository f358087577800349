export interface PortBinding {
  HostIp: string
  HostPort: string
}

/** The two parts of a container's configuration that `-p` sets, in the API's form. */
export interface PublishedPorts {
  ExposedPorts: Record<string, object>
  PortBindings: Record<string, PortBinding[]>
}

/** Reads `80` or `8000-8010` into its first and last port. */
export function parsePortRange(text: string): [first: number, last: number] {
  const [, start, end = start] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  const first = Number(start)
  const last = Number(end)
  if (!start || last > 65535 || first > last) throw new Error(`invalid port range: ${text}`)
  return [first, last]
}

/**
 * Reads what `docker run -p` takes, `[[IP:][HOST_PORT]:]CONTAINER_PORT[/PROTOCOL]`, each port a number or a range and
 * an IPv6 address in brackets. Throws with Docker's words on anything else.
 */
export function parsePortSpecs(specs: readonly string[]): PublishedPorts {
  const ports: PublishedPorts = { ExposedPorts: {}, PortBindings: {} }
  for (const spec of specs) {
    const [, address, hostText = '', containerText, protocol = 'tcp'] =
      /^(?:(?:(\[[^\]]+\]|[^:]*):)?([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(spec) ?? []
    if (!containerText) throw new Error(`invalid publish opts format: ${spec}`)
    if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw new Error(`invalid proto: ${protocol}`)
    const [first, last] = parsePortRange(containerText)
    const [hostFirst, hostLast] = hostText ? parsePortRange(hostText) : [0, 0]
    const count = last - first
    // A range of host ports for one container port means: any free one of them.
    const anyOf = count === 0 && hostLast > hostFirst
    if (hostText && !anyOf && hostLast - hostFirst !== count)
      throw new Error(`invalid ranges specified for container and host Ports: ${containerText} and ${hostText}`)
    for (let offset = 0; offset <= count; offset++) {
      const key = `${first + offset}/${protocol}`
      const host = anyOf ? hostText : hostText ? String(hostFirst + offset) : ''
      ports.ExposedPorts[key] = {}
      ;(ports.PortBindings[key] ??= []).push({ HostIp: address?.replace(/^\[|\]$/g, '') ?? '', HostPort: host })
    }
  }
  return ports
}

/** One port of a container as `GET /containers/json` gives it. */
export interface PortSummary {
  IP?: string
  PrivatePort: number
  PublicPort?: number
  Type: string
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** A container's ports as `docker ps` shows them: `0.0.0.0:8080->80/tcp, 443/tcp`, neighbours joined into ranges. */
export function displayPorts(ports: readonly PortSummary[]): string {
  const sorted = [...ports].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compare(a.IP ?? '', b.IP ?? '') ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      compare(a.Type, b.Type),
  )
  const ranges: { port: PortSummary; last: number }[] = []
  for (const port of sorted) {
    const range = ranges.find(
      ({ port: first, last }) =>
        first.Type === port.Type &&
        first.IP === port.IP &&
        last + 1 === port.PrivatePort &&
        (port.PublicPort ?? 0) - (first.PublicPort ?? 0) ===
          (port.PublicPort ? port.PrivatePort - first.PrivatePort : 0),
    )
    if (range) range.last = port.PrivatePort
    else ranges.push({ port, last: port.PrivatePort })
  }
  const span = (first: number, last: number) => (first === last ? `${first}` : `${first}-${last}`)
  return ranges
    .map(({ port, last }) => {
      const inside = `${span(port.PrivatePort, last)}/${port.Type}`
      if (!port.PublicPort) return inside
      const ip = port.IP?.includes(':') ? `[${port.IP}]` : port.IP
      return `${ip}:${span(port.PublicPort, port.PublicPort + last - port.PrivatePort)}->${inside}`
    })
    .join(', ')
}
