import type { Network, Networks } from '../networks/networks'
import { filters, matchesLabels, ok, type Route } from './http'

/** The routes under /networks. */
export function networkRoutes(networks: Networks): Route[] {
  return [
    [
      'GET',
      '/networks',
      async ({ query }) => {
        const wanted = filters(query, ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'])
        const shown = networks
          .list()
          .filter(
            (network) =>
              (wanted.get('name')?.some((name) => network.name.includes(name)) ?? true) &&
              (wanted.get('id')?.some((id) => network.id.startsWith(id)) ?? true) &&
              (wanted.get('driver')?.includes(network.driver) ?? true) &&
              (wanted.get('scope')?.includes('local') ?? true) &&
              (wanted.get('type')?.includes('builtin') ?? true) &&
              matchesLabels(network.labels, wanted.get('label')),
          )
        return ok(shown.map((network) => ({ ...show(network), Containers: {} })))
      },
    ],
    [
      'GET',
      '/networks/{id}',
      async ({ params }) => {
        const network = networks.resolve(params.id!)
        const members = networks.membersOf(network.id).map(({ member, attachment }) => [
          member.id,
          {
            Name: member.name,
            EndpointID: attachment.endpointId,
            MacAddress: attachment.mac,
            IPv4Address: attachment.guest.address,
            IPv6Address: '',
          },
        ])
        return ok({ ...show(network), Containers: Object.fromEntries(members) as Record<string, unknown> })
      },
    ],
  ]
}

function show(network: Network): Record<string, unknown> {
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.created).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: network.subnet ? [{ Subnet: network.subnet, Gateway: network.gateway }] : null,
    },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Options: network.bridge ? { 'com.docker.network.bridge.name': network.bridge } : {},
    Labels: network.labels,
  }
}
