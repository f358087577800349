import type { ContainerInfo } from 'dockerode'
import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowReactive } from 'vue'
import { ApiError, json, messageOf, request } from '../api/client'
import { confirm } from '../composables/useConfirm'
import { helperLabel } from '../lib/helper'
import { prompt } from '../composables/usePrompt'
import { exitCodeOf, nameOf } from '../lib/container'
import { useEvents } from './events'
import { useNotices } from './notices'

/** How many containers are acted on at once. */
const atOnce = 6

/** Events of a container that change nothing that its summary shows. */
const silent = /^(exec_|attach|detach|resize|top|archive-path|export|copy|kill$|stop$|commit)/

export { exitCodeOf, nameOf }

export type Verb = 'start' | 'stop' | 'restart' | 'pause' | 'unpause' | 'kill' | 'remove'

/** All containers, as GET /containers/json lists them, patched one by one from Docker's events. */
export const useContainers = defineStore('containers', () => {
  const events = useEvents()
  const notices = useNotices()
  const byId = shallowReactive(new Map<string, ContainerInfo>())
  const busy = reactive(new Map<string, Verb>())
  const loaded = ref(false)
  const error = ref<string>()
  const list = computed(() =>
    [...byId.values()]
      .filter(({ Labels }) => !Labels?.[helperLabel])
      .sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? 1 : -1)),
  )
  const runningCount = computed(() => list.value.filter((container) => container.State === 'running').length)

  async function sync(): Promise<void> {
    try {
      const all = await json<ContainerInfo[]>('GET', '/containers/json', { query: { all: 1 } })
      const ids = new Set(all.map((container) => container.Id))
      for (const id of byId.keys()) if (!ids.has(id)) byId.delete(id)
      for (const container of all) byId.set(container.Id, container)
      error.value = undefined
      loaded.value = true
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }

  // Several events about one container come together (die, stop, network): they are answered by one read.
  const pending = new Set<string>()
  function patch(id: string): void {
    if (pending.has(id)) return
    pending.add(id)
    setTimeout(async () => {
      pending.delete(id)
      try {
        const [container] = await json<ContainerInfo[]>('GET', '/containers/json', {
          query: { all: 1, filters: JSON.stringify({ id: [id] }) },
        })
        if (container) byId.set(id, container)
        else byId.delete(id)
      } catch {
        // The next sync puts it right.
      }
    }, 30)
  }

  events.onSync(sync)
  events.onEvent(({ Type, Action, Actor }) => {
    // A container's networks change without an event of its own.
    if (Type === 'network' && Actor.Attributes?.container) patch(Actor.Attributes.container)
    if (Type !== 'container' || silent.test(Action)) return
    if (Action === 'destroy') byId.delete(Actor.ID)
    else patch(Actor.ID)
  })

  /** Runs one action; a failure becomes a notice. Returns whether it went well. */
  async function act(container: ContainerInfo, verb: Verb): Promise<boolean> {
    if (busy.has(container.Id)) return false
    busy.set(container.Id, verb)
    try {
      if (verb === 'remove') await request('DELETE', `/containers/${container.Id}`, { query: { force: 1, v: 1 } })
      else await request('POST', `/containers/${container.Id}/${verb}`)
      return true
    } catch (cause) {
      if (verb === 'remove' && cause instanceof ApiError && cause.status === 404) return true
      notices.failed(`Could not ${verb} ${nameOf(container)}`, cause)
      return false
    } finally {
      busy.delete(container.Id)
    }
  }

  /** Whether a verb has something to do for a container in its state. */
  const applies = (verb: Verb, { State }: ContainerInfo) =>
    verb === 'remove' || (verb === 'start' ? !['running', 'paused', 'restarting'].includes(State) : ['running', 'paused', 'restarting'].includes(State)) // prettier-ignore

  /** Does it to each for which it makes sense, a few at a time. Each failure becomes a notice of its own. */
  async function actAll(containers: readonly ContainerInfo[], verb: Verb): Promise<void> {
    const queue = containers.filter((container) => applies(verb, container))
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await act(next, verb)
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }

  /** Asks, then removes them all. `what` names them, as in "3 containers". Returns whether the person agreed. */
  async function removeAll(containers: readonly ContainerInfo[], what: string): Promise<boolean> {
    const running = containers.filter(({ State }) => State === 'running').length
    const yes = await confirm({
      title: `Remove ${what}?`,
      text: `${running ? `${running} of them ${running === 1 ? 'is' : 'are'} running and will be stopped. ` : ''}Their files and their anonymous volumes are deleted; named volumes and images stay.`,
      action: running ? 'Stop and remove' : 'Remove',
    })
    if (yes) await actAll(containers, 'remove')
    return yes
  }

  async function rename(container: ContainerInfo): Promise<void> {
    const before = nameOf(container)
    const name = await prompt({
      title: `Rename ${before}`,
      label: 'Name',
      value: before,
      action: 'Rename',
      fault: (text) =>
        /^[a-zA-Z0-9][\w.-]+$/.test(text) ? undefined : 'Two or more letters, digits, dots, dashes or underscores.',
    })
    if (!name || name === before) return
    await request('POST', `/containers/${container.Id}/rename`, { query: { name } }).catch((cause) =>
      notices.failed(`Could not rename ${before}`, cause),
    )
  }

  async function remove(container: ContainerInfo): Promise<boolean> {
    const running = container.State === 'running'
    const yes = await confirm({
      title: `Remove ${nameOf(container)}?`,
      text: running
        ? 'It is running and will be stopped first. Its files and its anonymous volumes are deleted; named volumes and the image stay.'
        : 'Its files and its anonymous volumes are deleted; named volumes and the image stay.',
      action: running ? 'Stop and remove' : 'Remove',
    })
    return yes && act(container, 'remove')
  }

  return { byId, list, runningCount, busy, loaded, error, sync, act, actAll, applies, rename, remove, removeAll }
})
