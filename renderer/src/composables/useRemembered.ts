import { customRef, type Ref } from 'vue'

/** A small choice of the person's, kept on this computer from one start to the next. */
export function useRemembered<T>(key: string, initial: T): Ref<T> {
  const stored = localStorage.getItem(key)
  let value: T = stored === null ? initial : JSON.parse(stored)
  return customRef((track, trigger) => ({
    get() {
      track()
      return value
    },
    set(next) {
      value = next
      localStorage.setItem(key, JSON.stringify(next))
      trigger()
    },
  }))
}
