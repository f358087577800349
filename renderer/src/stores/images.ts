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

export const titleOf = (image: Image) => image.tags[0] ?? shortId(image.id)

const withoutNone = (tags: string[] | null) => (tags ?? []).filter((tag) => tag !== '<none>:<none>')

/** All images with their tags, patched one by one from Docker's events. */
export const useImages = defineStore('images', () => {
  const events = useEvents()
  const notices = useNotices()
  const byId = shallowReactive(new Map<string, Image>())
  const loaded = ref(false)
  const error = ref<string>()
  const list = computed(() => [...byId.values()].sort((a, b) => titleOf(a).localeCompare(titleOf(b))))
  const totalSize = computed(() => list.value.reduce((sum, image) => sum + image.size, 0))

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

  async function remove(image: Image): Promise<void> {
    const yes = await confirm({
      title: `Remove ${titleOf(image)}?`,
      text:
        image.tags.length > 1
          ? `All ${image.tags.length} tags of this image are removed: ${image.tags.join(', ')}.`
          : 'It can be pulled again later. Images that containers use are kept.',
      action: 'Remove',
    })
    if (!yes) return
    try {
      const names = image.tags.length ? image.tags : [image.id]
      for (const name of names) await request('DELETE', `/images/${name}`)
    } catch (cause) {
      notices.failed(`Could not remove ${titleOf(image)}`, cause)
    }
  }

  return { byId, list, totalSize, loaded, error, sync, remove }
})
