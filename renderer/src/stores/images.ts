import type { ImageInfo, ImageInspectInfo } from 'dockerode'
import { defineStore } from 'pinia'
import { computed, ref, shallowReactive } from 'vue'
import { ApiError, json, messageOf, request } from '../api/client'
import { confirm } from '../composables/useConfirm'
import { shortId } from '../lib/format'
import { useEvents } from './events'
import { useNotices } from './notices'

/** What the list shows of an image; both of Docker's answers about an image carry it. */
export interface Image {
  id: string
  tags: string[]
  /** Seconds since 1970. */
  created: number
  size: number
}

/** A step of GET /images/{name}/history. */
export interface HistoryEntry {
  Id: string
  CreatedBy: string
  Comment: string
  /** Seconds since 1970. */
  Created: number
  Size: number
  Tags: string[] | null
}

export const titleOf = (image: Image) => image.tags[0] ?? shortId(image.id)

const withoutNone = (tags: string[] | null) => (tags ?? []).filter((tag) => tag !== '<none>:<none>')

/** All images with their tags, patched one by one from Docker's events. */
export const useImages = defineStore('images', () => {
  const events = useEvents()
  const notices = useNotices()
  const byId = shallowReactive(new Map<string, Image>())
  /** Bytes of each image in layers that another image has too. */
  const shared = shallowReactive(new Map<string, number>())
  /** Bytes of all layers, each counted once; undefined until it was measured. */
  const layersSize = ref<number>()
  const loaded = ref(false)
  const error = ref<string>()
  const list = computed(() => [...byId.values()].sort((a, b) => titleOf(a).localeCompare(titleOf(b))))

  async function sync(): Promise<void> {
    try {
      const all = await json<ImageInfo[]>('GET', '/images/json')
      byId.clear()
      for (const { Id, RepoTags, Created, Size } of all)
        byId.set(Id, { id: Id, tags: withoutNone(RepoTags ?? []), created: Created, size: Size })
      error.value = undefined
      loaded.value = true
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }

  /** Reads what images share. */
  async function measure(): Promise<void> {
    try {
      const { LayersSize, Images } = await json<{ LayersSize: number; Images: ImageInfo[] | null }>(
        'GET',
        '/system/df',
        {
          query: { type: 'image' },
        },
      )
      layersSize.value = LayersSize
      shared.clear()
      for (const { Id, SharedSize } of Images ?? []) if (SharedSize >= 0) shared.set(Id, SharedSize)
    } catch {
      // Sizes without their shares are better than none; the next visit measures again.
    }
  }

  /** Reads one image again, by its id or any name of it. */
  async function patch(reference: string): Promise<void> {
    try {
      const { Id, RepoTags, Created, Size } = await json<ImageInspectInfo>('GET', `/images/${reference}/json`)
      byId.set(Id, { id: Id, tags: withoutNone(RepoTags), created: Date.parse(Created) / 1000 || 0, size: Size })
    } catch (cause) {
      if (cause instanceof ApiError && cause.status === 404) byId.delete(reference)
    }
  }

  events.onSync(sync)
  events.onEvent(({ Type, Action, Actor }) => {
    if (Type !== 'image') return
    if (Action === 'delete') byId.delete(Actor.ID)
    else if (Action !== 'push' && Action !== 'save') {
      // A name that moved to another image also changes the one that had it.
      const name = Actor.Attributes?.name
      const before = name && list.value.find((image) => image.tags.includes(name) && image.id !== Actor.ID)
      if (before) void patch(before.id)
      void patch(Actor.ID)
    }
  })

  /** Asks, then removes the image with all its tags. Returns whether it is gone. */
  async function remove(image: Image): Promise<boolean> {
    const yes = await confirm({
      title: `Remove ${titleOf(image)}?`,
      text:
        image.tags.length > 1
          ? `All ${image.tags.length} tags of this image are removed: ${image.tags.join(', ')}.`
          : 'It can be pulled again later. Images that containers use are kept.',
      action: 'Remove',
    })
    if (!yes) return false
    try {
      const names = image.tags.length ? image.tags : [image.id]
      for (const name of names) await request('DELETE', `/images/${name}`)
      return true
    } catch (cause) {
      notices.failed(`Could not remove ${titleOf(image)}`, cause)
      return false
    }
  }

  /** Takes one name off an image; the last one takes the image with it. */
  async function untag(name: string): Promise<void> {
    try {
      await request('DELETE', `/images/${name}`, { query: { noprune: 0 } })
    } catch (cause) {
      notices.failed(`Could not remove ${name}`, cause)
    }
  }

  /** @throws {ApiError} */
  async function tag(image: Image, name: string): Promise<void> {
    const [, repo, label = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(name)!
    await request('POST', `/images/${image.id}/tag`, { query: { repo, tag: label } })
  }

  /** Removes images that no container uses, or only those without a name; returns the bytes that came back. */
  async function prune(all: boolean): Promise<number> {
    const filters = JSON.stringify({ dangling: [String(!all)] })
    const { SpaceReclaimed } = await json<{ SpaceReclaimed: number }>('POST', '/images/prune', { query: { filters } })
    await measure()
    return SpaceReclaimed
  }

  return { byId, list, shared, layersSize, loaded, error, sync, measure, remove, untag, tag, prune }
})
