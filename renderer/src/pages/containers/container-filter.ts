import type { ContainerInfo } from 'dockerode'
import { familiarName } from '../../lib/format'
import type { LiveUsage } from '../../stores/stats'
import { exitCodeOf, nameOf } from '../../lib/container'
import { type Stack, stackOf, stacksOf } from './stacks'

export const stateChoices = [
  { value: '', label: 'All states' },
  { value: 'running', label: 'Running' },
  { value: 'stopped', label: 'Stopped' },
  { value: 'failed', label: 'Failed' },
  { value: 'paused', label: 'Paused' },
] as const
export type StateChoice = (typeof stateChoices)[number]['value']

export const sortKeys = ['name', 'state', 'cpu', 'memory', 'age'] as const
export type SortKey = (typeof sortKeys)[number]
export interface Sorting {
  key: SortKey
  descending: boolean
}

/**
 * Whether a container answers a search: each word has to be in its name, image, id or stack. `image:`, `label:`, `stack:`
 * and `state:` before a word look there alone; `label:` takes NAME or NAME=VALUE.
 */
export function searchOf(text: string): (container: ContainerInfo) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return (container) => words.every((word) => answers(container, word))
}

function answers(container: ContainerInfo, word: string): boolean {
  const [, field, wanted = ''] = /^(image|label|stack|state):(.*)$/.exec(word) ?? []
  const has = (value: string | undefined) => !!value?.toLowerCase().includes(wanted)
  if (field === 'image') return has(familiarName(container.Image))
  if (field === 'state') return has(container.State)
  if (field === 'stack') return has(stackOf(container))
  if (field === 'label')
    return Object.entries(container.Labels ?? {}).some(([name, value]) => `${name}=${value}`.toLowerCase().startsWith(wanted)) // prettier-ignore
  return `${nameOf(container)} ${familiarName(container.Image)} ${container.Id} ${stackOf(container) ?? ''}`
    .toLowerCase()
    .includes(word)
}

/** Whether a container is in the state that was chosen. */
export function isIn(container: ContainerInfo, choice: StateChoice): boolean {
  if (choice === 'stopped') return ['exited', 'created', 'dead'].includes(container.State)
  if (choice === 'failed') return !!exitCodeOf(container) || container.State === 'dead'
  return !choice || container.State === choice
}

export type GridRow = { kind: 'stack'; key: string; stack: Stack; open: boolean } | { kind: 'container'; key: string; container: ContainerInfo; inStack: boolean } // prettier-ignore

/** Rows in the order asked for: a stack stands where its first container would, and has its containers below it. */
export function rowsOf(
  containers: readonly ContainerInfo[],
  sorting: Sorting,
  usage: ReadonlyMap<string, LiveUsage>,
  folded: ReadonlySet<string>,
): GridRow[] {
  const sorted = [...containers].sort(comparator(sorting, usage))
  const stacks = new Map(stacksOf(sorted).map((stack) => [stack.name, stack]))
  const rows: GridRow[] = []
  for (const container of sorted) {
    const name = stackOf(container)
    if (name === undefined) rows.push({ kind: 'container', key: container.Id, container, inStack: false })
    const stack = name !== undefined && stacks.get(name)
    if (!stack) continue
    stacks.delete(stack.name)
    const open = !folded.has(stack.name)
    rows.push({ kind: 'stack', key: `stack ${stack.name}`, stack, open })
    if (open)
      for (const member of stack.members)
        rows.push({ kind: 'container', key: member.Id, container: member, inStack: true })
  }
  return rows
}

function comparator({ key, descending }: Sorting, usage: ReadonlyMap<string, LiveUsage>) {
  const of: Record<SortKey, (container: ContainerInfo) => string | number> = {
    name: (container) => (stackOf(container) ? `${stackOf(container)}/` : '') + nameOf(container),
    state: (container) => container.State,
    cpu: ({ Id }) => -(usage.get(Id)?.now?.cpu ?? -1),
    memory: ({ Id }) => -(usage.get(Id)?.now?.memory ?? -1),
    age: ({ Created }) => -Created,
  }
  const sign = descending ? -1 : 1
  return (a: ContainerInfo, b: ContainerInfo) => {
    const [left, right] = [of[key](a), of[key](b)]
    return (left < right ? -sign : left > right ? sign : 0) || (nameOf(a) < nameOf(b) ? -1 : 1)
  }
}
