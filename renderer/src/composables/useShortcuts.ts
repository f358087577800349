import { onScopeDispose } from 'vue'

/** Whether a key press is meant for what has the focus: a field, an editor, a terminal. */
export function isTyping({ target }: KeyboardEvent): boolean {
  return target instanceof Element && !!target.closest('input:not([type=checkbox]), textarea, select, [contenteditable=true], .xterm') // prettier-ignore
}

/** Listens to keys on the whole window while the caller lives. A key that something nearer has taken is passed over. */
export function useShortcuts(onKey: (event: KeyboardEvent) => void): void {
  const listen = (event: KeyboardEvent) => !event.defaultPrevented && onKey(event)
  window.addEventListener('keydown', listen)
  onScopeDispose(() => window.removeEventListener('keydown', listen))
}
