import type { ContainerInfo } from 'dockerode'
import { computed, ref, watch } from 'vue'
import { useRouter } from 'vue-router'
import { useRemembered } from '../../composables/useRemembered'
import { useStatsOf } from '../../composables/useStats'
import { useContainers } from '../../stores/containers'
import {
  type GridRow,
  isIn,
  rowsOf,
  searchOf,
  type SortKey,
  sortKeys,
  type Sorting,
  type StateChoice,
} from './container-filter'

/** Which containers the page shows, in what order, which are selected, and where the keyboard is. */
export function useContainerGrid() {
  const store = useContainers()
  const router = useRouter()
  const search = ref('')
  const state = ref<StateChoice>('')
  const sorting = useRemembered<Sorting>('containers.sorting', { key: 'age', descending: false })
  const foldedNames = useRemembered<string[]>('containers.folded', [])
  const folded = computed(() => new Set(foldedNames.value))

  const matching = computed(() => {
    const answers = searchOf(search.value)
    return store.list.filter((container) => isIn(container, state.value) && answers(container))
  })
  // What is sorted by has to be known of all, not only of those in view.
  const byUsage = computed(() => sorting.value.key === 'cpu' || sorting.value.key === 'memory')
  const usage = useStatsOf(() => byUsage.value ? matching.value.filter(({ State }) => State === 'running').map(({ Id }) => Id) : []) // prettier-ignore
  const rows = computed(() => rowsOf(matching.value, sorting.value, byUsage.value ? usage : new Map(), folded.value))

  function sortBy(key: SortKey): void {
    const { key: before, descending } = sorting.value
    sorting.value = { key, descending: key === before && !descending }
  }
  function fold(name: string, closed = !folded.value.has(name)): void {
    foldedNames.value = closed ? [...new Set([...foldedNames.value, name])] : foldedNames.value.filter((one) => one !== name) // prettier-ignore
  }

  const selected = ref(new Set<string>())
  /** Where a range that Shift extends begins. */
  let anchor = 0
  watch(
    () => store.list.length,
    () => (selected.value = new Set([...selected.value].filter((id) => store.byId.has(id)))),
  )
  const chosen = computed(() => [...selected.value].flatMap((id) => store.byId.get(id) ?? []))
  const membersOf = (row: GridRow): ContainerInfo[] => (row.kind === 'stack' ? row.stack.members : [row.container])
  const isSelected = (row: GridRow) => membersOf(row).every(({ Id }) => selected.value.has(Id))

  function select(index: number, range = false): void {
    const next = new Set(selected.value)
    const [from, to] = range ? [Math.min(anchor, index), Math.max(anchor, index)] : [index, index]
    const on = range || !isSelected(rows.value[index]!)
    for (const row of rows.value.slice(from, to + 1))
      for (const { Id } of membersOf(row))
        if (on) next.add(Id)
        else next.delete(Id)
    if (!range) anchor = index
    selected.value = next
  }
  const selectAll = () => (selected.value = new Set(matching.value.map(({ Id }) => Id)))
  const selectNone = () => (selected.value = new Set())

  const cursor = ref(0)
  watch(rows, (now) => (cursor.value = Math.max(0, Math.min(cursor.value, now.length - 1))))

  function open(row: GridRow): void {
    void router.push(row.kind === 'stack' ? `/stacks/${encodeURIComponent(row.stack.name)}` : `/containers/${row.container.Id}`) // prettier-ignore
  }
  async function removeChosen(): Promise<void> {
    const wanted = chosen.value.length ? chosen.value : rows.value[cursor.value] ? membersOf(rows.value[cursor.value]!) : [] // prettier-ignore
    if (wanted.length === 1) await store.remove(wanted[0]!)
    else if (wanted.length) await store.removeAll(wanted, `${wanted.length} containers`)
  }

  return {
    search, state, sorting, sortBy, sortKeys, matching, rows, fold,
    selected, chosen, isSelected, select, selectAll, selectNone, cursor, open, removeChosen,
  } // prettier-ignore
}

export type ContainerGrid = ReturnType<typeof useContainerGrid>
