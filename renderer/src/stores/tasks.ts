import { defineStore } from 'pinia'
import { reactive, ref } from 'vue'
import { isAbort } from '../api/client'
import { useNotices } from './notices'

/** Something that takes a while: a pull, a build, an export. Its work sets `status` and `progress` as it goes. */
export interface Task {
  readonly id: number
  /** What is being done, as in "Pulling nginx". */
  readonly title: string
  status: string
  /** 0 to 1; null while it cannot be known. */
  progress: number | null
  readonly startedAt: number
  /** Where in the window more can be seen of it. */
  route?: string
}

/** One that took less is not worth a notice when it went well. */
const longMs = 8_000

/** What runs now. One that fails, or took long, becomes a notice that stays until it is read. */
export const useTasks = defineStore('tasks', () => {
  const notices = useNotices()
  const running = ref<Task[]>([])
  const aborts = new Map<number, AbortController>()
  let last = 0

  /**
   * Runs `work` as a task that the person sees and can cancel; `done` is what the notice says when it went well.
   * @returns what `work` gives; undefined when it was cancelled or failed, which the person has been told
   */
  async function run<T>(
    { title, done, route }: { title: string; done: string; route?: string },
    work: (task: Task, signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const task: Task = reactive({ id: ++last, title, status: '', progress: null, startedAt: Date.now(), route })
    const abort = new AbortController()
    aborts.set(task.id, abort)
    running.value.push(task)
    try {
      const result = await work(task, abort.signal)
      if (Date.now() - task.startedAt > longMs) notices.done(done, task.status, { route: task.route })
      return result
    } catch (cause) {
      if (!isAbort(cause)) notices.failed(`${title}: failed`, cause, { route: task.route })
      return undefined
    } finally {
      aborts.delete(task.id)
      running.value = running.value.filter(({ id }) => id !== task.id)
    }
  }

  return { running, run, cancel: (task: Task) => aborts.get(task.id)?.abort() }
})
