import type { ContainerInfo, VolumeInspectInfo } from 'dockerode'
import { defineStore } from 'pinia'
import { computed, ref, shallowReactive } from 'vue'
import { ApiError, json, messageOf, request } from '../api/client'
import { confirm } from '../composables/useConfirm'
import { useContainers } from './containers'
import { useEvents } from './events'
import { useNotices } from './notices'

/** What GET /volumes tells of a volume. */
export type Volume = Omit<VolumeInspectInfo, 'Labels' | 'Options'> & {
  CreatedAt?: string
  Labels: Record<string, string> | null
  Options: Record<string, string> | null
}

export interface VolumeRequest {
  Name: string
  DriverOpts?: Record<string, string>
  Labels?: Record<string, string>
}

/** A volume that nobody named: it goes with its container. */
export const isAnonymous = ({ Name }: Pick<Volume, 'Name'>) => /^[0-9a-f]{64}$/.test(Name)

/** All volumes, patched from Docker's events; their sizes are measured when asked for, since that reads the disk. */
export const useVolumes = defineStore('volumes', () => {
  const events = useEvents()
  const notices = useNotices()
  const containers = useContainers()
  const byName = shallowReactive(new Map<string, Volume>())
  /** Bytes. */
  const sizes = shallowReactive(new Map<string, number>())
  const loaded = ref(false)
  const error = ref<string>()
  const list = computed(() =>
    [...byName.values()].sort(
      (a, b) => Number(isAnonymous(a)) - Number(isAnonymous(b)) || a.Name.localeCompare(b.Name),
    ),
  )
  const users = computed(() => {
    const found = new Map<string, ContainerInfo[]>()
    for (const container of containers.list)
      for (const { Type, Name } of container.Mounts ?? [])
        if (Type === 'volume' && Name) found.set(Name, [...(found.get(Name) ?? []), container])
    return found
  })
  const unused = computed(() => list.value.filter(({ Name }) => !users.value.has(Name)))

  async function sync(): Promise<void> {
    try {
      const { Volumes } = await json<{ Volumes: Volume[] | null }>('GET', '/volumes')
      byName.clear()
      for (const volume of Volumes ?? []) byName.set(volume.Name, volume)
      error.value = undefined
      loaded.value = true
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }

  /** Reads the size of every volume. */
  async function measure(): Promise<void> {
    try {
      const { Volumes } = await json<{ Volumes: { Name: string; UsageData?: { Size: number } }[] | null }>(
        'GET',
        '/system/df',
        { query: { type: 'volume' } },
      )
      for (const { Name, UsageData } of Volumes ?? [])
        if (UsageData && UsageData.Size >= 0) sizes.set(Name, UsageData.Size)
    } catch {
      // A list without sizes is better than none; the next visit measures again.
    }
  }

  async function patch(name: string): Promise<void> {
    try {
      byName.set(name, await json<Volume>('GET', `/volumes/${name}`))
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 404) byName.delete(name)
    }
  }

  events.onSync(sync)
  events.onEvent(({ Type, Action, Actor }) => {
    if (Type !== 'volume') return
    if (Action === 'destroy') byName.delete(Actor.ID)
    else if (Action === 'create') void patch(Actor.ID)
  })

  /** @throws {ApiError} */
  const create = (wanted: VolumeRequest) => json<Volume>('POST', '/volumes/create', { body: wanted })

  /** Asks, then removes. Returns whether the volume is gone. */
  async function remove(name: string): Promise<boolean> {
    const yes = await confirm({
      title: `Remove ${name}?`,
      text: 'Every file in it is deleted. This can’t be undone; export it first if you may want it back.',
      action: 'Remove',
    })
    if (!yes) return false
    try {
      await request('DELETE', `/volumes/${name}`)
      return true
    } catch (cause) {
      notices.failed(`Could not remove ${name}`, cause)
      return false
    }
  }

  /** Removes the volumes that no container has; returns the bytes that came back. @throws {ApiError} */
  async function prune(): Promise<number> {
    const { SpaceReclaimed } = await json<{ SpaceReclaimed: number }>('POST', '/volumes/prune', {
      query: { filters: JSON.stringify({ all: ['true'] }) },
    })
    return SpaceReclaimed
  }

  return { byName, sizes, list, users, unused, loaded, error, sync, measure, create, remove, prune }
})
