import { defineStore } from 'pinia'
import { ref } from 'vue'
import { messageOf } from '../api/client'

export interface Notice {
  id: number
  title: string
  text: string
}

/** What failed and stays on the screen until the person has seen it. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  let last = 0

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  function failed(title: string, error: unknown): void {
    notices.value = [...notices.value.slice(-3), { id: ++last, title, text: messageOf(error) }]
  }

  return { notices, dismiss, failed }
})
