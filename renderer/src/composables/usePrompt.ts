import { shallowRef } from 'vue'

export interface Prompt {
  title: string
  label: string
  /** What stands in the field at first. */
  value: string
  action: string
  placeholder?: string
  hint?: string
  /** What is wrong with a text; undefined when it can be taken. */
  fault?: (text: string) => string | undefined
}

export const prompted = shallowRef<Prompt>()
let settle: ((text: string | undefined) => void) | undefined

/** Asks for one line of text; resolves to it, trimmed, or to undefined when the person thought better of it. */
export function prompt(asked: Prompt): Promise<string | undefined> {
  settle?.(undefined)
  prompted.value = asked
  return new Promise((resolve) => (settle = resolve))
}

export function answerPrompt(text: string | undefined): void {
  prompted.value = undefined
  settle?.(text)
  settle = undefined
}
