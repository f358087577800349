import type { ContainerInfo } from 'dockerode'

/** Docker Compose's labels on what it makes. */
const projectLabel = 'com.docker.compose.project'
const serviceLabel = 'com.docker.compose.service'

export interface Stack {
  name: string
  members: ContainerInfo[]
}

export const stackOf = (container: ContainerInfo): string | undefined => container.Labels?.[projectLabel]
export const serviceOf = (container: ContainerInfo): string | undefined => container.Labels?.[serviceLabel]

/** The Compose projects among these containers, each where its first member stands; members keep their order. */
export function stacksOf(containers: readonly ContainerInfo[]): Stack[] {
  const stacks = new Map<string, ContainerInfo[]>()
  for (const container of containers) {
    const name = stackOf(container)
    if (name === undefined) continue
    const members = stacks.get(name)
    if (members) members.push(container)
    else stacks.set(name, [container])
  }
  return [...stacks].map(([name, members]) => ({ name, members }))
}
