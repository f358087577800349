import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import type { LogLine } from '../lib/log-buffer'
import { type LogLevel, logLevels } from '../lib/log-level'
import { type Matcher, matcherOf } from '../lib/search'

/** A busy log is searched anew this often, and not with each line. */
const everyMs = 200

/** Searching a log and choosing what of it is shown. `shown` is `all` itself while nothing is left out. */
export function useLogSearch(all: () => LogLine[]) {
  const query = ref('')
  const regex = ref(false)
  const onlyMatches = ref(false)
  /** The gravest levels down to this one are shown; undefined shows all lines, also those without a level. */
  const level = ref<LogLevel>()
  const current = ref(0)

  const compiled = computed<{ matcher?: Matcher; fault?: string }>(() => {
    try {
      return { matcher: matcherOf(query.value, regex.value) }
    } catch {
      return { fault: 'Not a regular expression' }
    }
  })
  const matcher = computed(() => compiled.value.matcher)
  const fault = computed(() => compiled.value.fault)

  const shown = shallowRef<LogLine[]>([])
  /** Indices among `shown` of the lines that match. */
  const found = shallowRef<number[]>([])
  let timer: ReturnType<typeof setTimeout> | undefined

  function work(): void {
    timer = undefined
    const matches = matcher.value
    const wanted = level.value && new Set(logLevels.slice(0, logLevels.indexOf(level.value) + 1))
    let lines = all()
    if (wanted) lines = lines.filter((line) => line.level && wanted.has(line.level))
    if (matches && onlyMatches.value) lines = lines.filter((line) => matches(line.plain).length)
    shown.value = lines
    if (!matches) found.value = []
    else if (onlyMatches.value) found.value = lines.map((_, index) => index)
    else found.value = lines.flatMap((line, index) => (matches(line.plain).length ? [index] : []))
  }

  watch([matcher, onlyMatches, level], work)
  watch(
    all,
    () => {
      if (!matcher.value && !level.value) {
        // Nothing is left out: the next frame shows the new lines.
        clearTimeout(timer)
        work()
      } else timer ??= setTimeout(work, everyMs)
    },
    { immediate: true },
  )
  onScopeDispose(() => clearTimeout(timer))

  return { query, regex, onlyMatches, level, fault, matcher, shown, found, current }
}
