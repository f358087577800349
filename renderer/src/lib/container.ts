import type { ContainerInfo } from 'dockerode'

/** A container's name as people say it, without Docker's slash. */
export const nameOf = (container: ContainerInfo) => container.Names[0]?.slice(1) ?? container.Id.slice(0, 12)

/** The exit code of a container that ended, from its status line ("Exited (3) 2 minutes ago"). */
export function exitCodeOf(container: ContainerInfo): number | undefined {
  const code = /^Exited \((\d+)\)/.exec(container.Status)?.[1]
  return code === undefined ? undefined : Number(code)
}
