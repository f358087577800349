import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { EngineState } from '../../../shared/app'
import { call, onAppEvent } from '../bridge'

/** The engine's state as main knows it. */
export const useEngine = defineStore('engine', () => {
  const state = shallowRef<EngineState>({ phase: 'starting', reports: [] })
  const running = computed(() => state.value.phase === 'running')

  onAppEvent('engine', (next) => (state.value = next))
  void call('engine', 'state').then((now) => (state.value = now))

  return {
    state,
    running,
    retry: () => call('engine', 'retry'),
    pause: () => call('engine', 'pause'),
    resume: () => call('engine', 'resume'),
    log: () => call('engine', 'log'),
  }
})
