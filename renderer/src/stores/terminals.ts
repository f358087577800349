import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { type Shell, shells, TerminalSession } from '../lib/terminal-session'
import { useEvents } from './events'

/** The terminals that are open, of all containers. They live on while other pages are shown. */
export const useTerminals = defineStore('terminals', () => {
  const sessions = shallowRef<TerminalSession[]>([])
  let last = 0

  function open(container: string, shell: Shell = shells[0]): TerminalSession {
    const session = new TerminalSession(++last, container, shell)
    sessions.value = [...sessions.value, session]
    return session
  }

  function close(session: TerminalSession): void {
    session.close()
    sessions.value = sessions.value.filter((other) => other !== session)
  }

  useEvents().onEvent(({ Type, Action, Actor }) => {
    if (Type === 'container' && Action === 'destroy')
      for (const session of sessions.value.filter(({ container }) => container === Actor.ID)) close(session)
  })

  return { sessions, open, close }
})
