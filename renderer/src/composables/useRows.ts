import { useVirtualizer } from '@tanstack/vue-virtual'
import { computed, type Ref, ref, watch } from 'vue'

export interface Row {
  index: number
  /** Pixels from the top of all rows. */
  start: number
}

const overscan = 24

/**
 * Which of very many rows are in view of `scroller`. While they do not wrap they all have one height, and finding them
 * is a division; rows that wrap are measured by `measure` when they are drawn.
 */
export function useRows(
  scroller: Readonly<Ref<HTMLElement | null>>,
  count: () => number,
  wrap: () => boolean,
  height: number,
  key: (index: number) => number,
  padding = 0,
) {
  const top = ref(0)
  const view = ref(800)
  const resizes = new ResizeObserver(([entry]) => (view.value = entry!.contentRect.height))
  watch(scroller, (element, before) => {
    if (before) resizes.unobserve(before)
    if (element) resizes.observe(element)
  })

  const virtualizer = useVirtualizer(
    computed(() => ({
      count: wrap() ? count() : 0,
      getScrollElement: () => scroller.value,
      estimateSize: () => height,
      getItemKey: key,
      overscan,
      paddingStart: padding,
      paddingEnd: padding,
    })),
  )

  const rows = computed<Row[]>(() => {
    if (wrap()) return virtualizer.value.getVirtualItems()
    const first = Math.max(0, Math.floor((top.value - padding) / height) - overscan)
    const last = Math.min(count(), Math.ceil((top.value + view.value) / height) + overscan)
    return Array.from({ length: Math.max(0, last - first) }, (_, i) => ({ index: first + i, start: padding + (first + i) * height })) // prettier-ignore
  })
  const total = computed(() => (wrap() ? virtualizer.value.getTotalSize() : count() * height + 2 * padding))

  function toIndex(index: number): void {
    if (wrap()) virtualizer.value.scrollToIndex(index, { align: 'center' })
    else scroller.value?.scrollTo({ top: padding + index * height - view.value / 2 })
  }

  return {
    rows,
    total,
    toIndex,
    onScroll: () => (top.value = scroller.value!.scrollTop),
    measure: (element: unknown) => {
      if (wrap() && element instanceof HTMLElement) virtualizer.value.measureElement(element)
    },
  }
}
