import { reactive } from 'vue'

/** The two sheets that lie over any page: the command palette and the list of shortcuts. */
export const palette = reactive({
  open: false,
  shortcuts: false,
  show() {
    palette.open = true
  },
})
