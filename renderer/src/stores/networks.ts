import type { ContainerInfo, NetworkInspectInfo } from 'dockerode'
import { defineStore } from 'pinia'
import { computed, ref, shallowReactive } from 'vue'
import { ApiError, json, messageOf, request } from '../api/client'
import { confirm } from '../composables/useConfirm'
import { useContainers } from './containers'
import { useEvents } from './events'
import { useNotices } from './notices'

export type Network = NetworkInspectInfo

/** The networks that an engine always has; they can't be removed. */
const builtIn = ['bridge', 'host', 'none']
export const isBuiltIn = ({ Name }: Pick<Network, 'Name'>) => builtIn.includes(Name)

/** All networks, patched from Docker's events. Who is on them comes from the containers' own list. */
export const useNetworks = defineStore('networks', () => {
  const events = useEvents()
  const notices = useNotices()
  const containers = useContainers()
  const byId = shallowReactive(new Map<string, Network>())
  const loaded = ref(false)
  const error = ref<string>()
  const list = computed(() =>
    [...byId.values()].sort((a, b) => Number(isBuiltIn(a)) - Number(isBuiltIn(b)) || a.Name.localeCompare(b.Name)),
  )
  const members = computed(() => {
    const found = new Map<string, ContainerInfo[]>()
    for (const container of containers.list)
      for (const name of Object.keys(container.NetworkSettings?.Networks ?? {}))
        found.set(name, [...(found.get(name) ?? []), container])
    return found
  })
  const unused = computed(() => list.value.filter((network) => !isBuiltIn(network) && !members.value.has(network.Name)))

  async function sync(): Promise<void> {
    try {
      const all = await json<Network[]>('GET', '/networks')
      byId.clear()
      for (const network of all) byId.set(network.Id, network)
      error.value = undefined
      loaded.value = true
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }

  /** Reads one network again, with its members' addresses. */
  async function patch(id: string): Promise<void> {
    try {
      byId.set(id, await json<Network>('GET', `/networks/${id}`))
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 404) byId.delete(id)
    }
  }

  events.onSync(sync)
  events.onEvent(({ Type, Action, Actor }) => {
    if (Type !== 'network') return
    if (Action === 'destroy') byId.delete(Actor.ID)
    else void patch(Actor.ID)
  })

  /** Asks, then removes. Returns whether the network is gone. */
  async function remove(network: Network): Promise<boolean> {
    const yes = await confirm({
      title: `Remove ${network.Name}?`,
      text: 'Containers that are stopped and were on it can’t start until they are on another one.',
      action: 'Remove',
    })
    if (!yes) return false
    try {
      await request('DELETE', `/networks/${network.Id}`)
      return true
    } catch (cause) {
      notices.failed(`Could not remove ${network.Name}`, cause)
      return false
    }
  }

  async function disconnect(network: Network, container: string, name: string): Promise<void> {
    try {
      await request('POST', `/networks/${network.Id}/disconnect`, { body: { Container: container } })
    } catch (cause) {
      notices.failed(`Could not take ${name} off ${network.Name}`, cause)
    }
  }

  /** Removes the networks that no container is on; returns 0, since networks take no room. @throws {ApiError} */
  async function prune(): Promise<number> {
    await request('POST', '/networks/prune')
    return 0
  }

  return { byId, list, members, unused, loaded, error, sync, patch, remove, disconnect, prune }
})
