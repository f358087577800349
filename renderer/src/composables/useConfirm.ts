import { shallowRef } from 'vue'

interface Question {
  title: string
  text: string
  /** The verb on the button, e.g. "Remove". */
  action: string
}

export const question = shallowRef<Question>()
let settle: ((yes: boolean) => void) | undefined

/** Asks before something that can't be undone; resolves to the person's answer. */
export function confirm(asked: Question): Promise<boolean> {
  settle?.(false)
  question.value = asked
  return new Promise((resolve) => (settle = resolve))
}

export function answer(yes: boolean): void {
  question.value = undefined
  settle?.(yes)
  settle = undefined
}
