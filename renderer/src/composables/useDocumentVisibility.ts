import { ref } from 'vue'

const visible = ref(!document.hidden)
document.addEventListener('visibilitychange', () => (visible.value = !document.hidden))

/** Whether the window can be seen; what streams only for the eye stops when it can't. */
export const useDocumentVisibility = () => visible
