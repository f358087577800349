import { ref } from 'vue'

const now = ref(Date.now())
setInterval(() => (now.value = Date.now()), 20_000)

/** The time, good enough for "5 min ago". */
export const useNow = () => now
