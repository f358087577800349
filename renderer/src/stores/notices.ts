import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { messageOf } from '../api/client'
import { call, onAppEvent } from '../bridge'

export interface Notice {
  id: number
  kind: 'bad' | 'good'
  title: string
  text: string
  /** UNIX milliseconds. */
  at: number
  /** Where in the window it is about; the notice is a link then. */
  route?: string
  unread: boolean
  /** Whether it still lies over the page. In the centre it stays until it is dismissed. */
  floating: boolean
}

const floatsFor = 6_000
const kept = 100

/** What ended badly, and what went well after a long while: it floats over the page first and stays in the centre. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  const unread = computed(() => notices.value.filter((notice) => notice.unread).length)
  let last = 0

  function add(kind: Notice['kind'], title: string, text: string, { route, floating = true }: NoticeOptions): void {
    const id = ++last
    notices.value = [{ id, kind, title, text, at: Date.now(), route, unread: true, floating }, ...notices.value].slice(0, kept) // prettier-ignore
    // Good news goes by itself; what failed waits for the person.
    if (floating && kind === 'good') setTimeout(() => sink(id), floatsFor)
    if (floating && !document.hasFocus()) void call('app', 'notify', title, text, route)
  }

  /** Takes a notice off the page; the centre keeps it. */
  function sink(id: number): void {
    const notice = notices.value.find((one) => one.id === id)
    if (notice) notice.floating = false
  }

  onAppEvent('ending', ({ title, text, route }) => add('bad', title, text, { route, floating: false }))

  return {
    notices,
    unread,
    failed: (title: string, error: unknown, options: NoticeOptions = {}) =>
      add('bad', title, messageOf(error), options),
    done: (title: string, text: string, options: NoticeOptions = {}) => add('good', title, text, options),
    sink,
    dismiss: (id: number) => void (notices.value = notices.value.filter((notice) => notice.id !== id)),
    clear: () => void (notices.value = []),
    markRead: () => notices.value.forEach((notice) => (notice.unread = notice.floating = false)),
  }
})

interface NoticeOptions {
  route?: string
  /** False: only the centre gets it. */
  floating?: boolean
}
