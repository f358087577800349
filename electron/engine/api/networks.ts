import { z } from 'zod'
import { connectBody } from '../containers/config'
import type { Containers } from '../containers/containers'
import { plainEndpoint } from '../containers/endpoints'
import { EngineError } from '../errors'
import { networkFilter, networkFilters, networkPruneFilter, networkPruneFilters } from '../networks/filters'
import { showNetwork } from '../networks/network'
import type { Networks } from '../networks/networks'
import { networkBody } from '../networks/request'
import { created, filters, noContent, ok, type Route } from './http'

const disconnectBody = z.object({ Container: z.string().nullish(), Force: z.boolean().nullish() })

/** The routes under /networks. */
export function networkRoutes(
  networks: Networks,
  containers: Pick<Containers, 'find' | 'connect' | 'disconnect'>,
): Route[] {
  const members = (id: string) =>
    Object.fromEntries(
      networks.membersOf(id).map(({ id: container, name, attachment }) => [
        container,
        {
          Name: name,
          EndpointID: attachment.endpointId,
          MacAddress: attachment.mac,
          IPv4Address: attachment.address && `${attachment.address}/${attachment.prefixLength}`,
          IPv6Address: attachment.address6 && `${attachment.address6}/${attachment.prefixLength6}`,
        },
      ]),
    )
  const isUsed = (id: string) => networks.membersOf(id).length > 0
  return [
    [
      'GET',
      '/networks',
      async ({ query }) => {
        const matches = networkFilter(filters(query, networkFilters), isUsed)
        const shown = networks.list().filter(matches)
        return ok(shown.map((network) => ({ ...showNetwork(network), Containers: {} })))
      },
    ],
    [
      'POST',
      '/networks/create',
      async ({ json }) => {
        const network = await networks.create(await json(networkBody))
        return created({ Id: network.id, Warning: '' })
      },
    ],
    [
      'POST',
      '/networks/prune',
      async ({ query }) => {
        const matches = networkPruneFilter(filters(query, networkPruneFilters))
        return ok({ NetworksDeleted: await networks.prune(matches) })
      },
    ],
    [
      'GET',
      '/networks/{id}',
      async ({ params, query }) => {
        const network = networks.resolve(params.id!)
        const scope = query.get('scope') ?? ''
        if (!['', 'local'].includes(scope)) throw new EngineError('notFound', `network ${params.id} not found`)
        return ok({ ...showNetwork(network), Containers: members(network.id) })
      },
    ],
    [
      'DELETE',
      '/networks/{id}',
      async ({ params }) => {
        await networks.remove(networks.resolve(params.id!))
        return noContent()
      },
    ],
    [
      'POST',
      '/networks/{id}/connect',
      async ({ params, json }) => {
        const { Container, EndpointConfig } = await json(connectBody)
        const container = containers.find(Container)
        await containers.connect(container, networks.resolve(params.id!), EndpointConfig ?? plainEndpoint)
        return ok(undefined)
      },
    ],
    [
      'POST',
      '/networks/{id}/disconnect',
      async ({ params, json }) => {
        const { Container, Force } = await json(disconnectBody)
        const container = containers.find(Container ?? '')
        await containers.disconnect(container, nameOf(networks, params.id!, Force ?? false))
        return ok(undefined)
      },
    ],
  ]
}

/** By force a container also leaves a network that is no longer there. */
function nameOf(networks: Networks, reference: string, force: boolean): string {
  try {
    return networks.resolve(reference).name
  } catch (error) {
    if (force && error instanceof EngineError && error.kind === 'notFound') return reference
    throw error
  }
}
