export interface NetworkForm {
  name: string
  subnet: string
  gateway: string
  /** The part of the subnet that addresses are given from. */
  range: string
  ipv6: boolean
  subnet6: string
  internal: boolean
  labels: { name: string; value: string }[]
}

/** The body of POST /networks/create for a form; what is empty is the engine's to choose. */
export function networkBody(form: NetworkForm) {
  const v4 = pool(form.subnet, form.gateway, form.range)
  const v6 = form.ipv6 ? pool(form.subnet6) : undefined
  const Config = [v4, v6].filter((each) => each !== undefined)
  return {
    Name: form.name.trim(),
    Driver: 'bridge',
    Internal: form.internal,
    EnableIPv6: form.ipv6,
    Labels: Object.fromEntries(
      form.labels.filter(({ name }) => name.trim()).map(({ name, value }) => [name.trim(), value]),
    ),
    ...(Config.length && { IPAM: { Config } }),
  }
}

function pool(subnet: string, gateway = '', range = ''): Record<string, string> | undefined {
  const fields = { Subnet: subnet.trim(), Gateway: gateway.trim(), IPRange: range.trim() }
  const given = Object.entries(fields).filter(([, value]) => value)
  return given.length ? Object.fromEntries(given) : undefined
}
