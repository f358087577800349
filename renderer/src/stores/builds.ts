import { defineStore } from 'pinia'
import { computed, ref, shallowReactive, shallowRef } from 'vue'
import { type BuildRecord, type BuildSummary, summaryOf } from '../../../shared/builds'
import { eachJsonLine, isAbort, messageOf } from '../api/client'
import { sendContext } from '../api/send'
import { call } from '../bridge'
import { applyBuildMessage, type BuildMessage, endBuild, fail } from '../lib/build-log'
import { useTasks } from './tasks'

export interface BuildForm {
  folder: string
  dockerfile: string
  /** Empty: the image gets no name. */
  tag: string
  /** The stage to stop at; empty is the last one. */
  target: string
  platform: string
  args: { name: string; value: string }[]
  noCache: boolean
  /** Asks registries for newer base images. */
  pull: boolean
}

/** The query of POST /build for a form. */
export function buildQuery(form: BuildForm): URLSearchParams {
  const args = form.args.filter(({ name }) => name.trim())
  const query = new URLSearchParams({ dockerfile: form.dockerfile.trim() || 'Dockerfile', rm: '1', forcerm: '1' })
  if (form.tag.trim()) query.set('t', form.tag.trim())
  if (form.target.trim()) query.set('target', form.target.trim())
  if (form.platform.trim()) query.set('platform', form.platform.trim())
  if (form.noCache) query.set('nocache', '1')
  if (form.pull) query.set('pull', '1')
  if (args.length)
    query.set('buildargs', JSON.stringify(Object.fromEntries(args.map(({ name, value }) => [name.trim(), value]))))
  return query
}

const nameOf = ({ tag, folder }: Pick<BuildRecord, 'tag' | 'folder'>) => tag || folder.split(/[/\\]/).at(-1)!

/** Builds that run, with their steps as they come, and past ones, which main keeps. */
export const useBuilds = defineStore('builds', () => {
  const tasks = useTasks()
  const running = shallowReactive(new Map<string, BuildRecord>())
  const past = shallowRef<BuildSummary[]>([])
  const loaded = ref(false)
  const aborts = new Map<string, AbortController>()
  const list = computed<BuildSummary[]>(() => [
    ...[...running.values()].map(summaryOf),
    ...past.value.filter(({ id }) => !running.has(id)),
  ])

  async function sync(): Promise<void> {
    past.value = await call('builds', 'list')
    loaded.value = true
  }

  /** Starts a build and returns its id; it goes on when the page is left. @throws {Error} when there is no Dockerfile */
  async function start(form: BuildForm): Promise<string> {
    const dockerfile = form.dockerfile.trim() || 'Dockerfile'
    const text = await call('builds', 'dockerfile', form.folder, dockerfile)
    const startedAt = Date.now()
    const id = `${startedAt}-${Math.floor(Math.random() * 2 ** 32).toString(16)}`
    const build: BuildRecord = { id, folder: form.folder, dockerfile, tag: form.tag.trim(), startedAt, phase: 'running', total: 0, steps: [], text } // prettier-ignore
    running.set(id, build)
    const abort = new AbortController()
    aborts.set(id, abort)
    void run(build, form, abort)
    return id
  }

  async function run(build: BuildRecord, form: BuildForm, abort: AbortController): Promise<void> {
    let scheduled = false
    // However much a step writes, it is shown once a frame.
    const show = () => {
      if (scheduled) return
      scheduled = true
      requestAnimationFrame(() => {
        scheduled = false
        if (running.has(build.id)) running.set(build.id, { ...build, steps: build.steps.map((step) => ({ ...step })) })
      })
    }
    const title = `Building ${nameOf(build)}`
    await tasks.run({ title, done: `${nameOf(build)} was built`, route: `/builds/${build.id}` }, async (task, signal) => {
      signal.addEventListener('abort', () => abort.abort())
      try {
        const response = await sendContext(form.folder, `/build?${buildQuery(form)}`, abort.signal)
        await eachJsonLine<BuildMessage>(response, (message) => {
          applyBuildMessage(build, message, Date.now())
          task.status = build.steps.at(-1)?.command ?? ''
          task.progress = build.total ? (build.steps.length - 1) / build.total : null
          show()
        })
        if (build.phase === 'running') endBuild(build, Date.now())
      } catch (cause) {
        fail(build, messageOf(cause), Date.now(), isAbort(cause) ? 'cancelled' : 'failed')
      }
      aborts.delete(build.id)
      await call('builds', 'keep', JSON.parse(JSON.stringify(build)))
      await sync()
      running.delete(build.id)
      if (build.phase === 'failed') throw new Error(build.error)
    }) // prettier-ignore
  }

  async function remove(id: string): Promise<void> {
    await call('builds', 'remove', id)
    await sync()
  }

  void sync()
  return { running, list, loaded, sync, start, remove, cancel: (id: string) => aborts.get(id)?.abort() }
})
